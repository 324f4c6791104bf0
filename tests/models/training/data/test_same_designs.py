"""Which photos show one design, by those who looked."""

from pathlib import Path

from models.training.data.readers import read_same_designs


def test_judged_pairs_of_one_design_are_no_strangers_and_look_alikes_are(tmp_path: Path) -> None:
    """Either order; the sheet in the tree adds to what the data set says."""
    (tmp_path / "garments").mkdir()
    (tmp_path / "garments" / "pairs.csv").write_text("a,b,verdict\nx.jpg,y.jpg,colourway\nx.jpg,z.jpg,similar\n")
    same = read_same_designs(tmp_path)
    assert frozenset(("y.jpg", "x.jpg")) in same
    assert frozenset(("x.jpg", "z.jpg")) not in same
    assert len(same) > 1
