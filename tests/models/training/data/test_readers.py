"""Photos and labels as records, and the folds that keep trainings and benchmarks apart."""

from pathlib import Path

import pytest

from models.geometry import Box
from models.taxonomy import Category
from models.training.data.readers import (
    CALIBRATION_SHARE,
    Fold,
    correct_boxes,
    data_root,
    fold_of,
    product_fold,
    read_garments,
    read_stores,
    read_street,
    street_classes,
)

HEADER = "photo,split,sender,label,width,height,x1,y1,x2,y2,df2,sleeve,neck,pattern,closure,length,view,ok"

needs_photos = pytest.mark.skipif(not data_root().exists(), reason="the photos of ../shared/data are not here")


def folder_with(tmp_path: Path, *rows: str) -> Path:
    (tmp_path / "garments" / "masks").mkdir(parents=True)
    (tmp_path / "garments" / "labels.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return tmp_path


def test_a_row_becomes_a_record(tmp_path: Path) -> None:
    """Box, category and view come as values; the mask only where its file is."""
    root = folder_with(
        tmp_path, "a.jpg,train,7,Polo,400,533,1,2,30,40,short_sleeve_top,short,polo,plain,buttons,hip,front,1"
    )
    (root / "garments" / "masks" / "a.png").write_bytes(b"")
    garment = read_garments(root)[0]
    assert garment.box == Box(1, 2, 30, 40)
    assert garment.category is Category.SHORT_SLEEVE_TOP
    assert garment.mask_path == root / "garments" / "masks" / "a.png"
    assert (garment.view, garment.ok, garment.contributor) == ("front", True, "7")


def test_an_unlabelled_row_has_neither_box_nor_category(tmp_path: Path) -> None:
    """Empty cells mean that nobody looked; `other` is no category of DeepFashion2."""
    root = folder_with(
        tmp_path,
        "a.jpg,validation,7,Hat,400,533,,,,,,,,,,,,",
        "b.jpg,validation,7,Top,400,533,1,2,3,4,other,,,,,,front,0",
    )
    bare, other = read_garments(root)
    assert (bare.box, bare.category, bare.mask_path, bare.ok) == (None, None, None, False)
    assert (other.category, other.df2, other.ok) == (None, "other", False)


def test_boxes_placed_by_eye_take_the_place_of_wrong_masks_boxes(tmp_path: Path) -> None:
    """In pixels of the photo; the boxes of other photos stay."""
    attributes = "short_sleeve_top,short,round,graphic,none,hip,front,1"
    root = folder_with(
        tmp_path,
        f"06e4b3cf-bb53-482a-98e3-a4cc0f470b2d.jpg,validation,7,T-Shirt,400,600,100,200,180,300,{attributes}",
        f"b.jpg,validation,7,T-Shirt,400,600,100,200,180,300,{attributes}",
    )
    wrong, sound = correct_boxes(read_garments(root))
    assert wrong.box == Box(0, 156, 392, 558)
    assert sound.box == Box(100, 200, 180, 300)


@pytest.mark.photos
@needs_photos
def test_only_boxes_that_are_measured_on_were_placed_by_eye() -> None:
    """Nothing is trained or tuned with them."""
    before = read_garments(data_root())
    moved = [one for one, was in zip(correct_boxes(before), before, strict=True) if one.box != was.box]
    assert len(moved) == 48
    assert {one.fold for one in moved} == {Fold.VALIDATION}


def test_calibration_takes_a_seventh_of_training_contributors_and_no_others() -> None:
    """The hash spreads contributors evenly and never touches validation or gold."""
    contributors = [str(number) for number in range(4000)]
    taken = [name for name in contributors if fold_of("train", name) is Fold.CALIBRATION]
    assert len(taken) / len(contributors) == pytest.approx(CALIBRATION_SHARE, abs=0.02)
    assert {fold_of("validation", name) for name in taken} == {Fold.VALIDATION}
    assert {fold_of("gold_only", name) for name in taken} == {Fold.GOLD_ONLY}


def test_folds_are_the_ones_written_down() -> None:
    """A change of these would let models be measured on what they learnt from."""
    assert [fold_of("train", name) for name in ("181", "48", "260", "262")] == [Fold.TRAIN] * 4
    assert [product_fold("luma", name) for name in ("mh05", "mh06")] == [0, 0]
    assert [product_fold("saleor", name) for name in ("saleor-ascii-shirt",)] == [0]


@pytest.mark.photos
@needs_photos
def test_the_real_folders_are_read_whole() -> None:
    """All photos of the README's table are found, each at its path."""
    root = data_root()
    garments = read_garments(root)
    assert len(garments) == 3420
    assert sum(garment.mask_path is not None for garment in garments) == 3204
    assert all(garment.path.exists() for garment in garments[::50])
    assert len(read_street(root)) == 869
    assert len(street_classes(root)) == 59
    stores = read_stores(root)
    assert len(stores) == 405
    assert all(photo.path.exists() for photo in stores)
    assert not any(photo.is_top for photo in stores if photo.kind == "pants")


@pytest.mark.photos
@needs_photos
def test_no_contributor_is_in_two_of_the_folds_train_calibration_and_validation() -> None:
    """Gold-only photos are apart: contributors may recur, the photos are never learnt from."""
    folds: dict[str, set[Fold]] = {}
    for garment in read_garments(data_root()):
        folds.setdefault(garment.contributor, set()).add(garment.fold)
    assert all(len(found - {Fold.GOLD_ONLY}) <= 1 for found in folds.values())
