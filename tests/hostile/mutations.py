"""Photos with a few bytes changed, the same for the same number."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.hostile.contents import colour_modes, orientations
from tests.hostile.files import HostileFile, plain_files


def mutations(count: int, first: int = 0) -> Iterator[HostileFile]:
    """`count` files: each a good photo of some kind, damaged in one of seven ways."""
    seeds = [*plain_files().items(), *((file.name, file.data) for file in (*colour_modes(), *orientations()))]
    for number in range(first, first + count):
        chance = random.Random(number)
        name, data = chance.choice(seeds)
        yield HostileFile(f"{number}-{name}", mutated(data, seeds[chance.randrange(len(seeds))][1], chance))


def mutated(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """One to eight changes; half of them in the first 1,000 bytes, where formats say what they are."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        if not changed:
            break
        place = chance.randrange(min(len(changed), 1_000) if chance.random() < 0.5 else len(changed))
        length = chance.choice((1, 2, 4, 30, 500))
        match chance.randrange(7):
            case 0:
                changed[place] ^= 1 << chance.randrange(8)
            case 1:
                changed[place : place + length] = chance.randbytes(length)
            case 2:
                del changed[place : place + length]
            case 3:
                changed[place:place] = chance.randbytes(length)
            case 4:
                changed[place : place + length] = bytes([chance.choice((0, 0x7F, 0x80, 0xFF))]) * length
            case 5:
                source = chance.randrange(len(other))
                changed[place : place + length] = other[source : source + length]
            case _:
                changed[place:place] = changed[place : place + length]
    return bytes(changed[: chance.randrange(1, len(changed) + 1)] if changed and chance.random() < 0.1 else changed)
