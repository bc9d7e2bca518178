"""Compressed pixel data against what was compressed, and the DICOM samples of public libraries against each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.encaps import encapsulate_extended
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import (
    MPEG2MPML,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from caseindex.errors import InputRejected
from caseindex.ingest import encapsulated_frames
from caseindex.ingest.codestream import read_codestream
from caseindex.ingest.decode import decode
from tests.ingest.dicom_builder import dicom_bytes

WAVES = (np.add.outer(np.sin(np.arange(40) / 6), np.cos(np.arange(32) / 5)) * 60 + 128).astype(np.uint8)


def jpeg(picture: np.ndarray, suffix: str = ".jpg", quality: int = 95) -> bytes:
    import cv2

    done, data = cv2.imencode(
        suffix, picture if picture.ndim == 2 else picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    assert done
    return data.tobytes()


def test_jpeg_baseline(taken: Callable[..., list]) -> None:
    data = dicom_bytes(WAVES, transfer_syntax=JPEGBaseline8Bit, encoded=[jpeg(WAVES)], WindowCenter=128,
                       WindowWidth=256)  # fmt: skip
    [found] = taken(data)
    assert np.abs(found.pixels.astype(int) - WAVES).max() <= 4


def test_colour_jpeg_is_converted_once(taken: Callable[..., list]) -> None:
    colour = np.zeros((32, 32, 3), np.uint8)
    colour[:16] = (200, 30, 40)
    colour[16:] = (20, 60, 220)
    [found] = taken(
        dicom_bytes(colour, photometric="YBR_FULL_422", transfer_syntax=JPEGBaseline8Bit, encoded=[jpeg(colour)])
    )
    assert np.abs(found.pixels[4, 16].astype(int) - (200, 30, 40)).max() <= 4
    assert np.abs(found.pixels[28, 16].astype(int) - (20, 60, 220)).max() <= 4


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_rle(dtype: type, taken: Callable[..., list]) -> None:
    values = (WAVES.astype(np.uint32) * (1 if dtype is np.uint8 else 251)).astype(dtype)
    code = RLELosslessEncoder.encode(values, rows=40, columns=32, samples_per_pixel=1, number_of_frames=1,
                                     bits_allocated=values.dtype.itemsize * 8, bits_stored=values.dtype.itemsize * 8,
                                     photometric_interpretation="MONOCHROME2", pixel_representation=0)  # fmt: skip
    [plain], [packed] = (
        taken(dicom_bytes(values)),
        taken(dicom_bytes(values, transfer_syntax=RLELossless, encoded=[code])),
    )
    assert (plain.pixels == packed.pixels).all()


def test_a_second_decoder_takes_over(taken: Callable[..., list], monkeypatch: pytest.MonkeyPatch) -> None:
    from pydicom.pixels.decoders import pylibjpeg

    frames = [jpeg(WAVES), jpeg(255 - WAVES)]
    data = dicom_bytes(np.stack([WAVES, WAVES]), frames=2, transfer_syntax=JPEGBaseline8Bit, encoded=frames,
                       WindowCenter=128, WindowWidth=256)  # fmt: skip
    before = [part.pixels for part in taken(data)]
    monkeypatch.setattr(pylibjpeg, "_DECODERS", {})
    after = [part.pixels for part in taken(data)]
    assert len(before) == len(after) == 2
    for one, other in zip(before, after, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 2
    assert np.abs(after[1].astype(int) - (255 - WAVES.astype(int))).max() <= 4


def code_of(error: pytest.ExceptionInfo[InputRejected]) -> str:
    return error.value.code


def test_video_is_unsupported(taken: Callable[..., list]) -> None:
    with pytest.raises(InputRejected) as caught:
        taken(dicom_bytes(WAVES, transfer_syntax=MPEG2MPML, encoded=[b"\0" * 64]))
    assert code_of(caught) == "unsupported_transfer_syntax"


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEG2000Lossless, JPEGLSLossless, HTJ2KLossless, RLELossless])
@pytest.mark.parametrize("code", [b"\0\0", b"\xff\xd8\xff\xd9", b"\xff\x4f\xff\x51", b"\xaa" * 4000])
def test_nonsense_in_place_of_a_codestream(syntax: str, code: bytes, taken: Callable[..., list]) -> None:
    with pytest.raises(InputRejected) as caught:
        taken(dicom_bytes(WAVES, transfer_syntax=syntax, encoded=[code]))
    assert code_of(caught) == "undecodable_pixels"


def test_a_codestream_may_not_claim_more_than_the_limit(
    taken: Callable[..., list], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = bytearray(jpeg(WAVES))
    at = code.index(b"\xff\xc0")
    code[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    asked: list[str] = []
    monkeypatch.setattr(
        encapsulated_frames.get_decoder(JPEGBaseline8Bit), "as_array", lambda *_, **__: asked.append("x")
    )
    with pytest.raises(InputRejected) as caught:
        taken(dicom_bytes(WAVES, transfer_syntax=JPEGBaseline8Bit, encoded=[bytes(code)]))
    assert code_of(caught) == "too_large"
    assert not asked


def test_sizes_in_codestreams() -> None:
    found = read_codestream(jpeg(WAVES))
    assert found is not None
    assert (found.rows, found.columns, found.components, found.precision) == (40, 32, 1, 8)
    wavelet = read_codestream(jpeg(np.dstack([WAVES] * 3), ".jp2"))
    assert wavelet is not None
    assert (wavelet.rows, wavelet.columns, wavelet.components, wavelet.precision) == (40, 32, 3, 8)
    assert read_codestream(b"") is None
    assert read_codestream(b"\xff\xd8\xff\xc0") is None


def test_fewer_frames_than_announced_give_those_that_are_there(tmp_path: Path) -> None:
    data = dicom_bytes(np.stack([WAVES] * 3), frames=3, transfer_syntax=JPEGBaseline8Bit, encoded=[jpeg(WAVES)] * 2)
    (tmp_path / "a.dcm").write_bytes(data)
    parts = decode(str(tmp_path / "a.dcm"), "a.dcm")
    assert [next(parts).image.frame, next(parts).image.frame] == [0, 1]  # type: ignore[union-attr]
    with pytest.raises(InputRejected) as caught:
        next(parts)
    assert code_of(caught) == "undecodable_pixels"


def test_extended_offset_table(taken: Callable[..., list]) -> None:
    frames = [jpeg(WAVES), jpeg(255 - WAVES)]
    _, offsets, lengths = encapsulate_extended(frames)
    data = dicom_bytes(np.stack([WAVES] * 2), frames=2, transfer_syntax=JPEGBaseline8Bit, encoded=frames,
                       ExtendedOffsetTable=offsets, ExtendedOffsetTableLengths=lengths)  # fmt: skip
    one, two = taken(data)
    assert np.abs(one.pixels.astype(int) + two.pixels - 255).max() <= 8


SAME = [
    ("rtdose.dcm", "rtdose_rle.dcm"),
    ("rtdose_rle_1frame.dcm", "rtdose_expb_1frame.dcm"),
    ("693_UNCR.dcm", "693_J2KR.dcm"),
    ("MR_small.dcm", "MR_small_jp2klossless.dcm"),
    ("MR_small.dcm", "MR_small_jpeg_ls_lossless.dcm"),
    ("MR_small.dcm", "MR_small_bigendian.dcm"),
    ("emri_small.dcm", "emri_small_jpeg_2k_lossless.dcm"),
    ("emri_small.dcm", "emri_small_jpeg_ls_lossless.dcm"),
    ("US1_UNCR.dcm", "US1_J2KR.dcm"),
    ("SC_rgb_32bit.dcm", "SC_rgb_expb_32bit.dcm"),
    ("SC_rgb_32bit.dcm", "SC_rgb_rle_32bit.dcm"),
    ("SC_rgb_16bit.dcm", "SC_rgb_rle_16bit.dcm"),
    ("sm_image.dcm", "sm_image_jpegls.dcm"),
    ("sm_image.dcm", "sm_image_jpegls_nobot.dcm"),
    ("liver_nonbyte_aligned.dcm", "liver_nonbyte_aligned_j2k.dcm"),
    ("liver_nonbyte_aligned.dcm", "liver_nonbyte_aligned_deflate.dcm"),
    ("JLSL_RGB_ILV0.dcm", "JLSL_RGB_ILV1.dcm"),
    ("JLSL_RGB_ILV0.dcm", "JLSL_RGB_ILV2.dcm"),
    ("SC_ybr_full_uncompressed.dcm", "SC_ybr_full_422_uncompressed.dcm"),
    ("SC_rgb_small_odd.dcm", "SC_rgb_small_odd_big_endian.dcm"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_lossless_compression_changes_nothing(one: str, other: str, shared_data: Path) -> None:
    pictures = []
    for name in (one, other):
        [path] = (shared_data / "dicom_samples").rglob(name)
        pictures.append([part.pixels for part in decode(str(path), name)])
    assert len(pictures[0]) == len(pictures[1]) > 0
    for left, right in zip(*pictures, strict=True):
        assert (left == right).all()


def test_high_throughput_jpeg_2000(shared_data: Path) -> None:
    pictures = []
    for name in ("HTJ2KLossless_08_RGB.dcm", "HTJ2K_08_RGB.dcm"):
        [path] = (shared_data / "dicom_samples").rglob(name)
        [found] = decode(str(path), name)
        pictures.append(found.pixels)
    difference = np.abs(pictures[0].astype(int) - pictures[1])
    assert pictures[0].shape == (480, 640, 3)
    assert difference.max() <= 8
    assert difference.mean() < 1
