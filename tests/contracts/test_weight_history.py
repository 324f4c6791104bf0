"""What the history of weights and the log of decisions must do, in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.database import Database
from index.decisions import DecidedPhoto, Decision, DecisionLog
from index.errors import IndexUnavailable, InvalidQuery, WeightsNotFound
from index.weight_history import WeightHistory, WeightSource
from models.taxonomy import RegionName, WeightGroup
from models.weighting import WeightTable
from tests.factories import make_weights

TEE, DRESS = WeightGroup.T_SHIRT, WeightGroup.DRESS


def table(version: str, seed: int = 0) -> WeightTable:
    return WeightTable(version, {group: make_weights(seed + place) for place, group in enumerate(WeightGroup)})


SHIPPED = table("learned-2")


@pytest.fixture
def database(record_url: str) -> Iterator[Database]:
    """An open record."""
    opened = Database(record_url)
    yield opened
    opened.close()


@pytest.fixture
def history(database: Database) -> WeightHistory:
    """Of an empty record."""
    return WeightHistory(database, SHIPPED)


def test_a_new_record_follows_what_was_shipped(history: WeightHistory) -> None:
    """Under the name that the file has."""
    found = history.in_force()
    assert found.table().version == "learned-2"
    for group in WeightGroup:
        assert found.table().of(group).values == pytest.approx(SHIPPED.of(group).values)
        assert [one.source for one in history.versions(group, 10)] == [WeightSource.SHIPPED]


def test_every_change_is_a_version_that_another_process_sees(
    history: WeightHistory, database: Database, record_url: str
) -> None:
    """Who, when, why; the others keep theirs."""
    before = history.latest()
    made = history.put(TEE, make_weights(7), "k7m2p9qxw4dn", "collars lie")
    assert history.latest() > before
    other = Database(record_url)
    found = WeightHistory(other, SHIPPED).in_force()
    other.close()
    assert found.groups[TEE].weights.values.tolist() == made.weights.values.tolist()
    assert (found.groups[TEE].version, found.groups[TEE].key_id) == (made.version, "k7m2p9qxw4dn")
    assert (found.groups[TEE].source, found.groups[TEE].report) == (WeightSource.PUT, {"reason": "collars lie"})
    assert found.groups[TEE].at == made.at and made.at.tzinfo is not None
    assert found.table().version == f"learned-2+{made.version}"
    assert found.groups[DRESS].source is WeightSource.SHIPPED


def test_going_back_gives_the_very_same_numbers(history: WeightHistory) -> None:
    """To the last bit, to any version there was, and as a version of its own."""
    versions = [history.versions(TEE, 1)[0], *(history.put(TEE, make_weights(seed), None, None) for seed in range(4))]
    for back in versions:
        was = next(one for one in history.versions(TEE, 50) if one.version == back.version)
        history.roll_back(TEE, back.version, "key", None)
        now = history.versions(TEE, 1)[0]
        assert now.weights.values.tobytes() == was.weights.values.tobytes()
        assert (now.source, now.report["to"]) == (WeightSource.ROLLBACK, back.version)
        assert now.version not in {one.version for one in versions}
    assert len(history.versions(TEE, 50)) == 10


def test_the_version_that_an_answer_named_leads_back_for_every_group(history: WeightHistory) -> None:
    """Whichever group was changed last then."""
    history.put(TEE, make_weights(1), None, None)
    history.put(DRESS, make_weights(2), None, None)
    then = history.in_force()
    named = then.table().version
    for group in (TEE, DRESS, WeightGroup.OUTERWEAR):
        history.put(group, make_weights(3), None, None)
    for group in (TEE, DRESS, WeightGroup.OUTERWEAR):
        history.roll_back(group, named, None, None)
        assert history.in_force().groups[group].weights.values.tolist() == then.groups[group].weights.values.tolist()


@pytest.mark.parametrize("version", ["w99-00000000", "learned-1", "+", "", "learned-1+w2-00000000", "x" * 200])
def test_a_version_that_never_was_is_refused(history: WeightHistory, version: str) -> None:
    """And nothing is changed."""
    before = history.latest()
    with pytest.raises(WeightsNotFound):
        history.roll_back(TEE, version, None, None)
    assert history.latest() == before


def test_a_new_release_is_followed_only_where_nobody_changed_anything(
    history: WeightHistory, database: Database
) -> None:
    """What was put stays; the new shipped weights are one call away."""
    put = history.put(TEE, make_weights(7), None, None)
    newer = WeightHistory(database, table("learned-3", seed=40))
    found = newer.in_force()
    assert found.groups[TEE].version == put.version
    assert found.groups[DRESS].version == "learned-3"
    assert found.table().version == f"learned-3+{put.version}"
    back = newer.roll_back(TEE, "learned-3", None, None)
    assert back.weights.values == pytest.approx(table("learned-3", seed=40).of(TEE).values)
    assert newer.in_force().table().version == f"learned-3+{back.version}"


def test_weights_that_nobody_changed_follow_the_release_forward_and_back(
    history: WeightHistory, database: Database
) -> None:
    """As often as it changes; what was put stays, and a release is written down once."""
    put = history.put(TEE, make_weights(7), None, None)
    for name, seed in (("learned-3", 40), ("learned-2", 0), ("learned-3", 40), ("learned-2", 0)):
        begun = WeightHistory(database, table(name, seed))
        found = begun.in_force()
        assert found.table().version == f"{name}+{put.version}"
        assert found.table().of(DRESS).values == pytest.approx(table(name, seed).of(DRESS).values)
        assert found.table().of(TEE).values.tolist() == put.weights.values.tolist()
        assert found.number == begun.latest()
    assert [one.version for one in history.versions(DRESS, 9)] == ["learned-3", "learned-2"]


def test_after_going_back_weights_are_learnt_over_those_of_the_older_release(
    history: WeightHistory, database: Database
) -> None:
    """Two releases at once follow each its own, until somebody changes them for both."""
    newer = WeightHistory(database, table("learned-3", seed=40))
    assert history.in_force().groups[DRESS].version == "learned-2"
    assert newer.in_force().groups[DRESS].version == "learned-3"
    assert history.promote(DRESS, make_weights(2), "learned-3", "key", {}) is None
    made = history.promote(DRESS, make_weights(2), "learned-2", "key", {})
    assert made is not None
    assert newer.in_force().groups[DRESS].version == history.in_force().groups[DRESS].version == made.version


def test_other_weights_under_a_known_name_stop_the_start(history: WeightHistory, database: Database) -> None:
    """An answer that names a version must mean one thing."""
    with pytest.raises(IndexUnavailable, match="learned-2"):
        WeightHistory(database, table("learned-2", seed=9))


def test_learnt_weights_are_taken_only_over_those_they_were_tried_on(history: WeightHistory) -> None:
    """Somebody may have changed them meanwhile."""
    tried_on = history.versions(TEE, 1)[0]
    put = history.put(TEE, make_weights(1), None, None)
    assert history.promote(TEE, make_weights(2), tried_on.version, "key", {}) is None
    made = history.promote(TEE, make_weights(2), put.version, "key", {"loss": 0.1})
    assert made is not None
    assert (made.source, made.report) == (WeightSource.LEARNED, {"loss": 0.1})
    assert history.versions(TEE, 1)[0].version == made.version


def test_the_history_is_read_a_page_at_a_time(history: WeightHistory) -> None:
    """Latest first, other groups' between them left out."""
    for seed in range(5):
        history.put(TEE, make_weights(seed), None, None)
        history.put(DRESS, make_weights(seed), None, None)
    first = history.versions(TEE, 4)
    rest = history.versions(TEE, 4, before=first[-1].number)
    numbers = [one.number for one in first + rest]
    assert len(numbers) == 6
    assert numbers == sorted(numbers, reverse=True)


def test_many_at_once_lose_nothing(history: WeightHistory) -> None:
    """Every change has its own number and version."""
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda seed: history.put(TEE, make_weights(seed), None, None), range(24)))
    assert len({one.number for one in made}) == len({one.version for one in made}) == 24
    assert len(history.versions(TEE, 100)) == 25


def test_many_starts_at_once_take_the_shipped_weights_once(record_url: str) -> None:
    """Replicas of one release."""
    databases = [Database(record_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        histories = list(threads.map(lambda database: WeightHistory(database, SHIPPED), databases))
    assert all(len(history.versions(group, 9)) == 1 for history in histories for group in WeightGroup)
    for database in databases:
        database.close()


STEPS = st.lists(st.tuples(st.sampled_from([TEE, DRESS]), st.integers(0, 4), st.integers(0, 30)), max_size=12)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(STEPS)
def test_any_history_names_each_state_once(database: Database, steps: list[tuple[WeightGroup, int, int]]) -> None:
    """Two tables under one name would let a cache give one's verdicts for the other's."""
    history = WeightHistory(database, SHIPPED)
    states: dict[str, list[list[float]]] = {}
    for group, back, seed in steps:
        versions = history.versions(group, 50)
        if back and len(versions) > back:
            history.roll_back(group, versions[back].version, None, None)
        else:
            history.put(group, make_weights(seed), None, None)
        found = history.in_force().table()
        values = [found.of(each).values.tolist() for each in WeightGroup]
        assert states.setdefault(found.version, values) == values


def decision(seed: int, tenant: str = "acme", verdict: str = "design_copy", models: str = "m1") -> Decision:
    rng = np.random.default_rng(seed)
    measures = rng.uniform(-1, 1, (4, 5)).astype(np.float32)
    measures[0, 3:] = np.nan
    return Decision(
        tenant, DecidedPhoto(f"{seed:064x}", f"SKU-{seed}"), DecidedPhoto(f"{seed + 1:064x}"), verdict,
        frozenset({RegionName.COLLAR}), TEE, models, measures, 3.25, np.arange(5) > 2, "k7m2p9qxw4dn",
    )  # fmt: skip


def test_a_decision_comes_back_as_it_was_kept(database: Database) -> None:
    """Bit for bit, of the asked models only, oldest first."""
    log = DecisionLog(database)
    log.append([])
    log.append([decision(1), decision(5, models="m2"), decision(9)])
    first, last = log.read("m1")
    assert first.measures.tobytes() == decision(1).measures.tobytes()
    assert first.absent.tolist() == decision(1).absent.tolist()
    for name in ("tenant", "photo_a", "photo_b", "verdict", "altered", "group", "models_version", "colour", "key_id"):
        assert getattr(first, name) == getattr(decision(1), name), name
    assert last.photo_a.item_id == "SKU-9"


def test_the_last_word_on_a_pair_counts(database: Database) -> None:
    """Whichever way round it was judged; another tenant's word is another's."""
    log = DecisionLog(database)
    again = decision(1, verdict="clear")
    turned = Decision(
        again.tenant, again.photo_b, again.photo_a, "similar", frozenset(), TEE, "m1", again.measures, 0.0, again.absent
    )
    log.append([decision(1), decision(1, tenant="rival")])
    log.append([again])
    log.append([turned])
    assert sorted((one.tenant, one.verdict) for one in log.read("m1")) == [
        ("acme", "similar"), ("rival", "design_copy"),
    ]  # fmt: skip


def test_a_decision_without_its_measures_cannot_be_made() -> None:
    """Five regions, four measures."""
    made = decision(1)
    with pytest.raises(InvalidQuery):
        Decision(
            made.tenant, made.photo_a, made.photo_b, made.verdict, made.altered, TEE, "m1", made.measures[:3], 0.0,
            made.absent,
        )  # fmt: skip
