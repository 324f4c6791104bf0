"""What every decoder must do; run in this process and in processes apart. What only the latter can do comes after."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.errors import ImageError, ImageTooLarge, ImageTooSmall, UndecodableImage, UnsupportedFormat
from models.preprocessing import ImageLimits, decode
from service.decoding.decoders import DecoderPool, InProcessDecoder, PhotoDecoder
from service.decoding.process import DecodeLimits, Ended
from service.decoding.worker import MOST_BYTES_A_PIXEL
from service.errors import DecoderUnavailable
from service.settings import ImageSettings
from tests import photos
from tests.hostile.large import large_photos
from tests.hostile.sizes import scans_bomb
from tests.photos import photo

LIMITS = DecodeLimits(ImageLimits(), 1_000, 10.0, 2_000_000_000)


@pytest.fixture(params=["here", "apart"], scope="module")
def decoder(request: pytest.FixtureRequest) -> Iterator[PhotoDecoder]:
    """One of each kind."""
    made: PhotoDecoder = InProcessDecoder(LIMITS) if request.param == "here" else DecoderPool(1, LIMITS)
    yield made
    made.close()


@pytest.mark.parametrize(
    "draw",
    [photo, photos.cmyk_jpeg, photos.sixteen_bit_png, photos.palette_with_transparency, photos.exif_rotated_jpeg,
     photos.animated_gif, photos.animated_webp],
)  # fmt: skip
def test_a_photo_is_what_the_canonicaliser_makes_of_it(decoder: PhotoDecoder, draw: object) -> None:
    """Pixel for pixel, and read-only."""
    assert callable(draw)
    data: bytes = draw(1)
    image, known = decoder.decode(data), decode(data, LIMITS.image)
    assert image.sha256 == known.sha256
    assert np.array_equal(image.pixels, known.pixels)
    assert not image.pixels.flags.writeable


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"hello", UnsupportedFormat), (b"", UnsupportedFormat), (photos.png_bomb(), ImageTooLarge),
     (photos.one_colour(4_000, 2), ImageTooSmall), (photo(1)[: len(photo(1)) // 2], UndecodableImage),
     (photo(1)[:20], UndecodableImage)],
)  # fmt: skip
def test_a_bad_photo_is_told_by_its_fault(decoder: PhotoDecoder, data: bytes, kind: type[ImageError]) -> None:
    """And the next one is seen."""
    with pytest.raises(kind):
        decoder.decode(data)
    assert decoder.decode(photo(1)).width == photos.WIDTH


def test_many_threads_ask_a_few_processes() -> None:
    """Each gets its own photo."""
    pool = DecoderPool(2, LIMITS)
    widths: dict[int, int] = {}

    def ask(width: int) -> None:
        widths[width] = pool.decode(photos.one_colour(width, 50)).width

    threads = [threading.Thread(target=ask, args=(width,)) for width in range(40, 80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert widths == {width: width for width in range(40, 80)}
    assert len(pool.pids) == 2
    pool.close()


@pytest.mark.parametrize(
    ("death", "kind", "reason"),
    [(signal.SIGSEGV, UndecodableImage, Ended.CRASH), (signal.SIGKILL, ImageTooLarge, Ended.MEMORY),
     (signal.SIGXCPU, UndecodableImage, Ended.PROCESSOR_TIME)],
)  # fmt: skip
def test_a_death_costs_one_photo(death: signal.Signals, kind: type[ImageError], reason: Ended) -> None:
    """In the middle of it; the next photo gets another process. SIGKILL is how the kernel takes memory back."""
    ends: list[Ended] = []
    pool = DecoderPool(1, LIMITS, ends.append)
    pool.decode(photo(1))
    (first,) = pool.pids
    # Stopped first, so that it is in the middle of a photo when it dies, however busy the machine is.
    os.kill(first, signal.SIGSTOP)

    def die() -> None:
        os.kill(first, death)
        os.kill(first, signal.SIGCONT)

    threading.Timer(0.3, die).start()
    with pytest.raises(kind):
        pool.decode(photo(1))
    assert pool.decode(photo(1)).width == photos.WIDTH
    assert pool.pids != (first,)
    pool.close()
    assert ends == [reason]


def test_a_process_that_died_while_idle_costs_nothing() -> None:
    """It is replaced before it is asked."""
    pool = DecoderPool(1, LIMITS)
    pool.decode(photo(1))
    os.kill(pool.pids[0], signal.SIGKILL)
    time.sleep(0.2)
    assert pool.decode(photo(1)).width == photos.WIDTH
    pool.close()


def test_a_decoder_that_hangs_is_given_up() -> None:
    """By the clock, whatever it does meanwhile."""
    pool = DecoderPool(1, DecodeLimits(ImageLimits(), 1_000, 1.0, 2_000_000_000))
    pool.decode(photo(1))
    (first,) = pool.pids
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(UndecodableImage, match="too long"):
        pool.decode(photo(1))
    assert not Path(f"/proc/{first}").exists()
    pool.close()


def test_a_photo_that_takes_too_long_is_given_up() -> None:
    """And does not hold the process."""
    pool = DecoderPool(1, DecodeLimits(ImageLimits(max_pixels=200_000_000), 1_000, 1.0, 2_000_000_000))
    pool.decode(photos.one_colour(40, 40))
    data = scans_bomb(12_000, 80)
    started = time.monotonic()
    with pytest.raises(UndecodableImage, match=r"too long|ends the decoder"):
        pool.decode(data)
    assert time.monotonic() - started < 30
    assert pool.decode(photos.one_colour(40, 40)).width == 40
    pool.close()


@pytest.mark.parametrize("kind", ["I;16", "RGBA", "progressive", "lossy", "lossless"])
def test_a_photo_that_takes_too_much_memory_is_too_large(kind: str) -> None:
    """Whatever the library says that got none; the process lives on."""
    ends: list[Ended] = []
    pool = DecoderPool(1, DecodeLimits(ImageLimits(), 1_000, 30.0, 110_000_000), ends.append)
    pool.decode(photo(1))
    with pytest.raises(ImageTooLarge, match="memory"):
        pool.decode(large_photos()[kind]())
    assert pool.decode(photo(1)).width == photos.WIDTH
    with pytest.raises(UndecodableImage, match="damaged"):
        pool.decode(photo(1)[:-200])
    pool.close()
    assert ends == []


def test_the_memory_that_is_given_suffices_for_the_largest_photos() -> None:
    """As the settings have it, and no photo is called too large that is only damaged."""
    images = ImageSettings()
    assert images.decode_memory_mb * 1_000_000 >= MOST_BYTES_A_PIXEL * images.max_pixels


def test_what_a_large_photo_took_is_given_back() -> None:
    """To within what is kept for the next one."""
    pool = DecoderPool(1, LIMITS)

    def resident_mb() -> float:
        time.sleep(0.5)
        return int(Path(f"/proc/{pool.pids[0]}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    pool.decode(photo(1))
    before = resident_mb()
    pool.decode(large_photos()["RGBA"]())
    assert resident_mb() <= before + 15
    pool.close()


def test_a_decoder_knows_nothing_worth_stealing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither passwords in its environment, nor files of ours."""
    monkeypatch.setenv("SELVEDGE_DATABASE_URL", "postgresql://selvedge:secret@db/selvedge")
    with Path("/dev/null").open() as ours:
        os.set_inheritable(ours.fileno(), True)
        pool = DecoderPool(1, LIMITS)
        pool.decode(photo(1))
        process = Path(f"/proc/{pool.pids[0]}")
        assert b"secret" not in (process / "environ").read_bytes()
        assert not (process / f"fd/{ours.fileno()}").is_symlink() or ours.fileno() < 3
    limits = (process / "limits").read_text()
    assert "Max core file size        0" in limits
    pool.close()


def test_closing_ends_the_processes() -> None:
    """And a closed pool says that it is ours to answer for."""
    pool = DecoderPool(1, LIMITS)
    pool.decode(photo(1))
    (pid,) = pool.pids
    pool.close()
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(DecoderUnavailable):
        pool.decode(photo(1))


def test_decoders_end_with_whoever_started_them() -> None:
    """Also when that is killed."""
    program = (
        "import sys, time\n"
        "from tests.contracts.test_photo_decoder import LIMITS, DecoderPool, photo\n"
        "pool = DecoderPool(1, LIMITS); pool.decode(photo(1)); print(pool.pids[0], flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
