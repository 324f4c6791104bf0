"""Builds a Selvedge from settings: the only place that names concrete classes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import ExitStack

import structlog

from index.registry import Registry
from models.background import Cohort, read_cohort
from models.preprocessing import ImageLimits, decode
from models.runtime.describe import Describer, PhotoDescriber
from models.runtime.shipped import open_describer
from models.types import DescribedGarment
from models.weighting import read_weight_table
from service.cache import SeenCache, VerdictCache
from service.cache_store import CacheStore, NoStore, RedisStore
from service.capacity import Capacity
from service.check import PlagiarismChecker, Rules
from service.checks_store import ChecksStore
from service.compare import Comparer
from service.demo.renderer import render
from service.demo.scenes import Scene
from service.demo.wardrobe import UNREGISTERED
from service.embedded_redis import EmbeddedRedis
from service.images import PhotoReader
from service.observability import Metrics
from service.policy import read_policy
from service.registration import Registrar
from service.selvedge import Selvedge
from service.settings import Settings

log = structlog.get_logger()

_CANARY_SEED = 104

MakeDescriber = Callable[[Settings], Describer]


def load_describer(settings: Settings) -> PhotoDescriber:
    """The shipped networks. Raises ModelFileError where one is missing, altered or of another taxonomy."""
    return open_describer(settings.weights_dir, threads=settings.capacity.model_threads)


def load_rules(settings: Settings) -> Rules:
    """Learned weights, policy and the cohort it was fitted with. Raises ModelFileError, PolicyError."""
    policy = read_policy(settings.policy_file)
    named = policy.cohort
    cohort = Cohort.empty() if named is None else read_cohort(settings.weights_dir / named.file, named.sha256)
    return Rules(read_weight_table(settings.weights_dir / "region_weights.json"), policy, cohort)


def open_registry(settings: Settings, version: str) -> Registry:
    """The record and the index in the data dir; to be started."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    folder = settings.data_dir.resolve()
    return Registry(settings.database_url or f"sqlite:///{folder / 'catalogue.sqlite'}", folder, version)


def assemble(settings: Settings, metrics: Metrics, make_describer: MakeDescriber = load_describer) -> Selvedge:
    """Load models, rules and index; blocks until all are warm. Raises where one of them cannot be trusted."""
    rules = load_rules(settings)
    describer = make_describer(settings)
    canary = warm_up(describer, settings.images.limits())
    # Whatever was opened before something failed is closed again: a start may be tried anew in the same process.
    with ExitStack() as opened:
        registry = open_registry(settings, describer.models_version)
        opened.callback(registry.close)
        registry.start()
        checks = ChecksStore(f"sqlite:///{settings.data_dir.resolve() / 'checks.sqlite'}", settings.checks.keep_days)
        opened.callback(checks.close)
        redis, store = _open_store(settings, metrics)
        opened.pop_all()
    capacity = Capacity(settings.capacity.workers, settings.capacity.queue)
    seen = SeenCache(store, describer.models_version, settings.cache.seen_ttl_s, metrics)
    reader = PhotoReader(describer, seen, capacity, settings.images.limits(), settings.images.max_bytes)
    verdicts = VerdictCache(store, settings.cache.verdict_ttl_s, metrics)
    metrics.watch(registry, capacity)
    log.info("assembled", models=describer.models_version, sequence=registry.sequence, policy=rules.policy.version)
    return Selvedge(
        settings=settings,
        registry=registry,
        rules=rules,
        reader=reader,
        checker=PlagiarismChecker(reader, registry, rules, verdicts, checks, capacity, metrics),
        registrar=Registrar(reader, registry, rules, capacity),
        comparer=Comparer(reader, registry, rules, capacity),
        checks=checks,
        store=store,
        capacity=capacity,
        redis=redis,
        canary=canary,
    )


def warm_up(describer: Describer, limits: ImageLimits) -> DescribedGarment | None:
    """Describe a drawn garment, so that the first caller does not pay for it; the canary of readiness."""
    photo = describer.describe(decode(_draw_canary(), limits))
    if not photo.garments:
        log.warning("canary_not_seen", models=describer.models_version)
        return None
    return photo.garments[0]


@functools.cache
def _draw_canary() -> bytes:
    """A JPEG, the same in every process."""
    return render(UNREGISTERED, Scene.drawn(_CANARY_SEED, 300, 360)).jpeg()


def _open_store(settings: Settings, metrics: Metrics) -> tuple[EmbeddedRedis | None, CacheStore]:
    metrics.redis_up.set(0)
    if settings.redis_url == "off":
        return None, NoStore()
    redis = None
    url = settings.redis_url
    if url is None:
        redis = EmbeddedRedis(settings.data_dir, settings.cache.memory_mb)
        if not redis.start():
            redis.stop()
            return None, NoStore()
        url = redis.url
    return redis, RedisStore(url, settings.cache.timeout_s, settings.cache.retry_after_s, metrics.redis_up)
