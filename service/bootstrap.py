"""Builds a Selvedge from settings: the only place that names concrete classes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import ExitStack

import structlog

from index.database import Database
from index.decisions import DecisionLog
from index.job_results import JobResults
from index.weight_history import WeightHistory
from models.background import Cohort, read_cohort
from models.runtime.describe import Describer, PhotoDescriber
from models.runtime.running import Engine, Running, usable_cores
from models.runtime.shipped import open_describer
from models.weighting import read_weight_table
from service.access.keyring import Keyring
from service.access.keys_store import open_key_store
from service.access.rates import Rates
from service.bootstrap_index import open_registry
from service.bootstrap_jobs import database_url, line_work, make_desk, open_ledger
from service.bootstrap_redis import open_claims, open_store
from service.cache import SeenCache, VerdictCache
from service.cache_store import RedisStore
from service.canary import Canary
from service.capacity import Capacity
from service.check import PlagiarismChecker
from service.checks_store import ChecksStore
from service.compare import Comparer
from service.decoding.decoders import DecoderPool, InProcessDecoder, PhotoDecoder
from service.decoding.process import DecodeLimits, Ended
from service.demo.renderer import render
from service.demo.scenes import Scene
from service.demo.wardrobe import UNREGISTERED
from service.disk import DiskGuard
from service.drift import ScoreDrift
from service.erasure import CheckEraser
from service.errors import SettingsError
from service.fetching.fetcher import FetchLimits, UrlFetcher, parse_hosts
from service.images import PhotoReader
from service.judging import Rules
from service.learning import WeightLearner
from service.observability import Metrics
from service.photo_judge import PhotoJudge
from service.pictures import PictureComparer
from service.policy import read_policy
from service.registration import Registrar
from service.rules_in_force import RulesInForce
from service.selvedge import Selvedge
from service.settings import ImageSettings, Settings

log = structlog.get_logger()

_CANARY_SEED = 104

MakeDescriber = Callable[[Settings], Describer]


def load_describer(settings: Settings) -> PhotoDescriber:
    """The shipped networks for one caller at a time, who may have every core. Raises ModelFileError where one is
    missing, altered or of another taxonomy."""
    return open_describer(settings.weights_dir, Running(settings.models.device, settings.capacity.model_threads))


def _running(settings: Settings, watch: Callable[[str, int], None]) -> Running:
    """The cores are promised twice over: a check alone is quick, and workers side by side hardly pay for it."""
    cores = usable_cores()
    threads = settings.capacity.model_threads or max(1, min(cores, 2 * cores // settings.capacity.workers))
    models = settings.models
    return Running(models.device, threads, models.batching(), models.batch == "auto", watch)


def load_rules(settings: Settings) -> Rules:
    """Learned weights, policy and the cohort it was fitted with. Raises ModelFileError, PolicyError."""
    weights = read_weight_table(settings.weights_dir / "region_weights.json")
    policy = read_policy(settings.policy_file)
    named = policy.cohort
    cohort = Cohort.empty() if named is None else read_cohort(settings.weights_dir / named.file, named.sha256)
    return Rules(weights, policy, cohort)


def assemble(settings: Settings, metrics: Metrics, make_describer: MakeDescriber | None = None) -> Selvedge:
    """Load models, rules and index; blocks until all are warm. Raises where one of them cannot be trusted."""
    rules = load_rules(settings)
    # Whatever was opened before something failed is closed again: a start may be tried anew in the same process.
    with ExitStack() as opened:
        if make_describer is None:
            describer: Describer = open_describer(settings.weights_dir, _running(settings, metrics.batch))
        else:
            describer = make_describer(settings)
        opened.callback(describer.close)
        decoder = make_decoder(settings.images, metrics.decoder_ended)
        opened.callback(decoder.close)
        # A cohort of another embedder stops the start here, not every check later.
        canary = Canary(draw_canary(), describer, decoder, rules)
        registry = open_registry(settings, describer.models_version)
        opened.callback(registry.close)
        registry.start()
        database = Database(database_url(settings))
        opened.callback(database.close)
        history = WeightHistory(database, rules.weights)
        in_force = RulesInForce(rules, history)
        checks = ChecksStore(f"sqlite:///{settings.data_dir.resolve() / 'checks.sqlite'}", settings.checks.keep_days)
        opened.callback(checks.close)
        keys = open_key_store(settings)
        opened.callback(keys.close)
        keyring = Keyring(keys, settings.access.per_minute)
        fetcher = make_fetcher(settings)
        ledger = open_ledger(settings, database)
        redis, store = open_store(settings, metrics)
        claims_redis, claims = open_claims(settings, metrics, redis, store)
        opened.pop_all()
    link = store.link if isinstance(store, RedisStore) else None
    limits = settings.capacity
    capacity = Capacity(limits.workers, limits.queue, limits.bulk_queue, limits.most_wait_s, metrics)
    disk = DiskGuard(settings.data_dir, settings.disk.least_free_mb * 1_000_000)
    seen = SeenCache(store, describer.models_version, settings.cache.seen_ttl_s, metrics)
    reader = PhotoReader(describer, seen, capacity, decoder, settings.images.max_bytes)
    verdicts = VerdictCache(store, settings.cache.verdict_ttl_s, metrics)
    metrics.watch(registry, capacity, disk)
    # By port: services that share a data dir each see their own share of the checks.
    drift = ScoreDrift(settings.data_dir / f"best-scores-{settings.port}.json", describer.models_version)
    metrics.follow_scores(drift)
    metrics.engines((*describer.engines, *registry.engines))
    metrics.batch_waiting.set_function(lambda: float(describer.waiting))
    judge = PhotoJudge(reader, capacity, PictureComparer(decoder))
    keep_photos = settings.checks.keep_photos and settings.checks.keep_days > 0
    checker = PlagiarismChecker(reader, registry, in_force.now, verdicts, checks, judge, capacity, metrics, keep_photos)
    registrar = Registrar(reader, registry, in_force.now, capacity, disk, metrics)
    work = line_work(registrar, checker, fetcher)
    warn_of_fallbacks(*describer.engines, *registry.engines)
    learner = WeightLearner(reader, registry, in_force, history, DecisionLog(database), capacity, disk)
    log.info(
        "assembled",
        models=describer.models_version,
        sequence=registry.sequence,
        policy=rules.policy.version,
        weights=in_force.now().weights.version,
    )
    return Selvedge(
        settings=settings,
        describer=describer,
        registry=registry,
        rules=in_force,
        weights=history,
        learner=learner,
        database=database,
        reader=reader,
        checker=checker,
        registrar=registrar,
        comparer=Comparer(reader, registry, in_force.now, capacity, metrics),
        checks=checks,
        eraser=CheckEraser(checks, JobResults(database), store, claims),
        store=store,
        keyring=keyring,
        rates=Rates(link),
        claims=claims,
        decoder=decoder,
        fetcher=fetcher,
        capacity=capacity,
        redis=redis,
        claims_redis=claims_redis,
        canary=canary,
        disk=disk,
        jobs=make_desk(settings, ledger, work, disk, metrics, None if link is None else link.url),
        drift=drift,
    )


def make_decoder(images: ImageSettings, tell: Callable[[Ended], None] = lambda _: None) -> PhotoDecoder:
    """Processes apart, each of whose ends `tell` hears, or this one where the settings say so."""
    limits = DecodeLimits(images.limits(), images.max_frames, images.decode_s, images.decode_memory_mb * 1_000_000)
    return DecoderPool(images.decoders, limits, tell) if images.decoders else InProcessDecoder(limits)


def make_fetcher(settings: Settings) -> UrlFetcher | None:
    """None where no hosts are named. Raises SettingsError for hosts that are none."""
    try:
        hosts = parse_hosts(settings.urls.hosts)
    except ValueError as error:
        raise SettingsError(f"urls.hosts: {error}") from error
    if not hosts:
        return None
    urls = settings.urls
    return UrlFetcher(FetchLimits(hosts, settings.images.max_bytes, urls.connect_s, urls.total_s))


def warn_of_fallbacks(*engines: Engine) -> None:
    """A GPU that was wanted and is not used is never passed over in silence."""
    for engine in engines:
        if engine.fell_back:
            log.warning("model_fell_back", model=engine.model, wanted=engine.wanted, provider=engine.provider)


@functools.cache
def draw_canary() -> bytes:
    """What the canary is shown: a JPEG, the same in every process."""
    return render(UNREGISTERED, Scene.drawn(_CANARY_SEED, 300, 360)).jpeg()
