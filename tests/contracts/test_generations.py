"""What every record must do with photos in which some models saw no garment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from index.catalogue import Catalogue
from index.generations import Description
from models.taxonomy import Category
from tests.factories import make_garment, make_new_photo

SECOND, THIRD = "second models", "third models"


@pytest.fixture
def catalogue(record_url: str) -> Iterator[Catalogue]:
    opened = Catalogue(record_url)
    yield opened
    opened.close()


def test_a_photo_whose_first_description_shows_nothing_waits_for_the_next_models_too(catalogue: Catalogue) -> None:
    """Without a category, since none is in the record any more; as many are offered as are counted."""
    for seed in range(2):
        catalogue.add(make_new_photo(seed, category=Category.VEST))
    seen, unseen = catalogue.undescribed(SECOND, 0, 10)
    catalogue.describe(SECOND, [Description(seen.number, (make_garment(7, category=Category.SKIRT),), 0)])
    catalogue.describe(SECOND, [Description(unseen.number, (), 0)])
    assert [photo.category for photo in catalogue.undescribed(THIRD, 0, 10)] == [Category.VEST] * 2
    assert catalogue.drop_other_descriptions(SECOND) == 2
    waiting = catalogue.undescribed(THIRD, 0, 10)
    assert [(photo.item_id, photo.category) for photo in waiting] == [("SKU-0", Category.SKIRT), ("SKU-1", None)]
    assert catalogue.count_undescribed(THIRD) == 2
    assert catalogue.describe(THIRD, [Description(photo.number, (make_garment(8),), 0) for photo in waiting]) == 2
    assert (catalogue.count_undescribed(THIRD), catalogue.undescribed(THIRD, 0, 10)) == (0, ())
    assert catalogue.drop_other_descriptions(THIRD) == 2
    assert catalogue.counts().designs == {THIRD: 2}
