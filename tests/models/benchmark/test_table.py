"""How networks came about, as the report tells it."""

from models.benchmark.embeddings import Network
from models.benchmark.table import NetworkLine, network_line
from models.manifest import TrainingRecord
from tests.models.benchmark.made_rows import trained


class Unasked:
    """An embedder that nobody asks."""

    def embed(self, *_: object) -> list[object]:
        raise AssertionError


def line_of(training: TrainingRecord) -> NetworkLine:
    return network_line(Network("plain", "0123456789ab", Unasked(), training))


def test_a_network_tells_its_recipe_seed_and_wall_time() -> None:
    """From the manifest beside it."""
    training = trained(
        design={"pooling": "stripes", "attention": False}, plan={"share": 0.5}, schedule={"epochs": 5, "seed": 7}
    )
    wanted = NetworkLine("plain", "0123456789ab", "stripes", False, 0.5, 5, 7, 600.0, "ImageNet weights")
    assert line_of(training) == wanted


def test_a_recipe_without_a_share_learnt_from_all_garments() -> None:
    """Of the shipped embedder, for one, which is older than shares are."""
    assert line_of(trained(plan={"donors": 240})).share == 1


def test_what_a_recipe_does_not_tell_is_unknown() -> None:
    """Seed, wall time and what it started from are in every manifest."""
    line = line_of(trained())
    assert (line.pooling, line.attention, line.share, line.epochs) == (None, None, None, None)
    assert (line.seed, line.wall_time_s, line.started_from) == (7, 600.0, "ImageNet weights")
