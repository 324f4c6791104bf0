"""Answers of the benchmark on made-up garments: the rules are those of a check."""

from collections.abc import Sequence

import numpy as np

from models.background import Cohort
from models.benchmark.embeddings import Embedded
from models.benchmark.ranking import equal_weights
from models.benchmark.sightings import Truth
from models.taxonomy import RegionName
from models.types import DescribedGarment
from service.benchmark_verdicts import SeenGarments, answer_all, compare_pair, gallery_of, match_of
from service.compare import compare_garments
from service.judging import Rules
from service.verdict import Verdict, judge
from tests.factories import alter_regions, make_embeddings, make_garment
from tests.policies import make_policy

RULES = Rules(equal_weights(), make_policy(), Cohort.empty())


def seen(
    owners: Sequence[str], garments: Sequence[DescribedGarment | None], truth: Truth | None = None
) -> SeenGarments:
    """Rows and garments that belong together; None is a photo in which nothing was found."""
    blank = np.zeros((2, 5, 128), np.float32)
    vectors = [blank if g is None else np.stack([g.embeddings.vectors, g.mirrored.vectors]) for g in garments]
    colours = [blank[..., :3] if g is None else np.stack([g.embeddings.colours, g.mirrored.colours]) for g in garments]
    groups = ["" if g is None else g.detection.category.group.value for g in garments]
    rows = Embedded(
        np.array(vectors), np.array(colours), np.array(owners), np.array(groups),
        np.ones(len(owners), bool), np.arange(len(owners)),
    )  # fmt: skip
    return SeenGarments(rows, tuple(garments), (truth or Truth(),) * len(owners))


def copy_of(seed: int, altered: Sequence[RegionName]) -> DescribedGarment:
    return make_garment(seed + 500, embeddings=alter_regions(make_embeddings(seed), altered, seed))


GALLERY = seen(["a", "b", "c"], [make_garment(seed) for seed in (1, 2, 3)])


def test_a_copy_is_called_what_a_check_calls_it() -> None:
    """The original stands first and is a partial copy; what was altered is named."""
    copies = seen(["b"], [copy_of(2, [RegionName.COLLAR])])
    (answer,) = answer_all(copies, GALLERY, RULES, "judging")
    match = match_of(answer, GALLERY, "b")
    assert match is not None
    assert answer.matches[0][1] is match
    assert match.verdict is Verdict.PARTIAL_COPY
    assert match.modified_regions == (RegionName.COLLAR,)


def test_what_is_hidden_answers_nothing() -> None:
    """A photo is no copy of itself, nor of what people judged to be the same design."""
    asked = seen(["b"], [make_garment(2)])
    (answer,) = answer_all(asked, GALLERY, RULES, "judging", {"b": frozenset({"b", "c"})})
    assert match_of(answer, GALLERY, "b") is None
    assert [place for place, _ in answer.matches] == [0]


def test_a_photo_without_a_garment_is_answered_with_nothing() -> None:
    """And counts as a copy that was not found."""
    (answer,) = answer_all(seen(["a"], [None]), GALLERY, RULES, "judging")
    assert answer.matches == ()


def test_a_pair_is_judged_as_the_service_compares_two_photos() -> None:
    """One implementation of the verdict."""
    ours, theirs = copy_of(3, []), make_garment(3)
    weights = RULES.weights_of(ours.detection.category.group, None)
    wanted = judge(compare_garments(ours, theirs, weights, RULES.cohort), weights, RULES.policy)
    assert compare_pair(ours, theirs, RULES) == wanted


def test_a_joined_gallery_keeps_rows_and_garments_together() -> None:
    """A place names the same garment in both."""
    more = gallery_of(GALLERY, seen(["d"], [make_garment(4)]))
    (answer,) = answer_all(seen(["d"], [copy_of(4, [RegionName.WAIST])]), more, RULES, "judging")
    place, match = answer.matches[0]
    assert more.rows.owners[place] == "d"
    assert match.verdict is Verdict.PARTIAL_COPY
