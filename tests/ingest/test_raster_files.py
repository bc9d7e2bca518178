from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from caseindex.errors import InputRejected
from caseindex.ingest.content import content_score

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
NOISE = np.random.default_rng(0).integers(0, 256, (16, 16)).astype(np.uint8)
Taken = Callable[..., list[Any]]


def saved(picture: np.ndarray | PillowImage.Image, kind: str, **options: Any) -> bytes:
    stream = BytesIO()
    image = picture if isinstance(picture, PillowImage.Image) else PillowImage.fromarray(picture)
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_8_bit(kind: str, taken: Taken) -> None:
    [found] = taken(saved(GREY, kind), "a.x")
    assert (found.pixels == GREY).all()
    assert (found.image.rows, found.image.columns, found.image.frame) == (16, 16, None)


def test_jpeg(taken: Taken) -> None:
    [found] = taken(saved(GREY, "JPEG", quality=100), "a.jpg")
    assert np.abs(found.pixels.astype(int) - GREY).max() <= 3


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_is_stretched(kind: str, taken: Taken) -> None:
    [found] = taken(saved(GREY.astype(np.uint16) * 10 + 1000, kind), "a.x")
    assert (found.pixels == GREY).all()


def test_float_tiff(taken: Taken) -> None:
    [found] = taken(saved(GREY.astype(np.float32) / 255 - 3, "TIFF"), "a.tif")
    assert (found.pixels == GREY).all()


def test_colour_palette_alpha_and_grey_in_colour(taken: Taken) -> None:
    colour = np.dstack([GREY, 255 - GREY, GREY // 2])
    [found] = taken(saved(colour, "PNG"), "a.png")
    assert (found.pixels == colour).all()
    [found] = taken(saved(np.dstack([GREY] * 3), "PNG"), "a.png")
    assert (found.pixels == GREY).all()
    [found] = taken(saved(PillowImage.fromarray(colour).quantize(200), "PNG"), "a.png")
    assert found.pixels.shape == (16, 16, 3)
    [found] = taken(saved(np.dstack([colour, np.where(GREY > 99, 255, 0).astype(np.uint8)]), "PNG"), "a.png")
    assert (found.pixels[GREY <= 99] == 0).all()
    assert (found.pixels[GREY > 99] == colour[GREY > 99]).all()
    [found] = taken(saved(PillowImage.fromarray(GREY > 99), "PNG"), "a.png")
    assert (found.pixels == (GREY > 99) * 255).all()


COLOUR = np.dstack([NOISE, NOISE[::-1], NOISE.T])


@pytest.mark.parametrize(
    "data",
    [
        saved(NOISE, "PNG"),
        saved(COLOUR, "PNG"),
        saved(NOISE, "PNG", transparency=7),
        saved(COLOUR, "PNG", transparency=(1, 2, 3)),
        saved(PillowImage.fromarray(NOISE).quantize(4), "PNG", bits=2),
        saved(PillowImage.fromarray(NOISE > 99), "PNG"),
        saved(NOISE, "PNG", icc_profile=b"not a profile"),
        saved(NOISE, "PNG", save_all=True, append_images=[PillowImage.fromarray(GREY)]),
        cv2.imencode(".png", COLOUR.astype(np.uint16) * 257)[1].tobytes(),
    ],
    ids=["grey", "colour", "key", "colour key", "2 bit", "1 bit", "profile", "animated", "48 bit"],
)
def test_every_kind_of_png_is_as_pillow_reads_it(data: bytes, taken: Taken) -> None:
    opened = PillowImage.open(BytesIO(data))
    wanted = np.asarray(opened.convert("L" if opened.mode in ("L", "1") else "RGB"))
    if "transparency" in opened.info:  # the keyed colour is laid over black
        wanted = (
            np.where((wanted == opened.info["transparency"]).all(-1, keepdims=True), 0, wanted)
            if (wanted.ndim == 3)
            else wanted
        )
    [found] = taken(data, "a.png")
    shown = found.pixels if found.pixels.ndim == wanted.ndim else np.dstack([found.pixels] * 3)
    assert np.array_equal(shown, wanted)


def test_a_png_damaged_in_its_middle_is_not_taken_in_part(taken: Taken) -> None:
    data = bytearray(saved(np.random.default_rng(1).integers(0, 256, (64, 64)).astype(np.uint8), "PNG"))
    data[len(data) // 2] ^= 16
    with pytest.raises(InputRejected) as raised:
        taken(bytes(data), "a.png")
    assert raised.value.code == "undecodable_pixels"


def test_16_bit_colour_tiff(taken: Taken) -> None:
    colour = np.dstack([GREY, 255 - GREY, GREY // 2]).astype(np.uint16) * 257
    _, code = cv2.imencode(".tif", colour[..., ::-1])
    [found] = taken(code.tobytes(), "a.tif")
    assert (found.pixels == np.dstack([GREY, 255 - GREY, GREY // 2])).all()


def test_pages_of_a_tiff(taken: Taken) -> None:
    pages = [PillowImage.fromarray(page) for page in (GREY, np.zeros_like(GREY), 255 - GREY)]
    first, last = taken(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]), "a.tif")
    assert (first.image.frame, last.image.frame) == (0, 2)
    assert first.image.image_uid.rpartition("#")[0] == last.image.image_uid.rpartition("#")[0]
    assert (last.pixels == 255 - GREY).all()


def test_orientation_of_a_photograph(taken: Taken) -> None:
    wide = np.repeat(np.arange(0, 240, 10, dtype=np.uint8)[None], 8, axis=0)
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    [found] = taken(saved(wide, "JPEG", quality=100, exif=exif), "a.jpg")
    assert found.pixels.shape == (24, 8)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (saved(np.full((8, 8), 5, np.uint8), "PNG"), "constant_image"),
        (saved(NOISE, "PNG")[:150], "undecodable_pixels"),
        (saved(GREY, "JPEG")[:300], "undecodable_pixels"),
        (b"\x89PNG\r\n\x1a\n", "undecodable_pixels"),
        (b"\xff\xd8\xff", "undecodable_pixels"),
        (b"II*\0" + b"\xff" * 50, "undecodable_pixels"),
        (b"GIF89a" + b"\0" * 50, "unknown_format"),
        (b"hello", "unknown_format"),
        (b"x", "unknown_format"),
        (b"", "empty_file"),
    ],
)
def test_what_cannot_be_taken(data: bytes, code: str, taken: Taken) -> None:
    with pytest.raises(InputRejected) as caught:
        taken(data, "a.png")
    assert caught.value.code == code


def test_a_header_may_not_claim_more_than_the_limit(taken: Taken) -> None:
    huge = bytearray(saved(GREY, "PNG"))
    huge[16:24] = (60000).to_bytes(4, "big") * 2
    import zlib

    huge[29:33] = zlib.crc32(bytes(huge[12:29])).to_bytes(4, "big")
    with pytest.raises(InputRejected) as caught:
        taken(bytes(huge), "a.png")
    assert caught.value.code == "too_large"
    with pytest.raises(InputRejected) as caught:
        taken(saved(GREY, "TIFF"), "a.tif", max_pixels=100)
    assert caught.value.code == "too_large"


def test_the_share_of_content() -> None:
    dark = np.zeros((100, 100), np.uint8)
    dark[20:70, 10:60] = 200
    noise = np.random.default_rng(0).integers(0, 12, dark.shape).astype(np.uint8)
    assert content_score(dark) == pytest.approx(0.25, abs=0.01)
    assert content_score(np.maximum(dark, noise)) == pytest.approx(0.25, abs=0.01)
    assert content_score(255 - dark) == pytest.approx(0.25, abs=0.01)  # a white page
    assert content_score(np.dstack([dark, dark // 2, dark // 3])) == pytest.approx(0.25, abs=0.01)
    assert content_score(np.zeros((8, 8), np.uint8)) == 0
