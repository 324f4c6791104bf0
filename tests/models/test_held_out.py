"""Which judged pairs are held out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.held_out import SHARE, choose_held_out

PAIRS = st.lists(st.frozensets(st.sampled_from("abcdefghijklmnopqrst"), min_size=1, max_size=2), max_size=30)


@given(PAIRS)
def test_pairs_that_share_anything_stay_together(pairs: list[frozenset[str]]) -> None:
    """No item is learnt from and decided by."""
    held_out = choose_held_out(pairs)
    learnt = {name for names, held in zip(pairs, held_out, strict=True) if not held for name in names}
    decided = {name for names, held in zip(pairs, held_out, strict=True) if held for name in names}
    assert learnt & decided == set()


@given(PAIRS, st.randoms())
def test_the_choice_does_not_depend_on_the_order(pairs: list[frozenset[str]], random: object) -> None:
    """Nor on how often it is made."""
    before = {names: bool(held) for names, held in zip(pairs, choose_held_out(pairs), strict=True)}
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert {names: bool(held) for names, held in zip(shuffled, choose_held_out(shuffled), strict=True)} == before


def test_about_a_third_is_held_out() -> None:
    """By families of one pair each."""
    held_out = choose_held_out([(f"a{number}", f"b{number}") for number in range(3_000)])
    assert abs(float(held_out.mean()) - SHARE) < 0.03
