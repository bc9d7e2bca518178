"""Files that lie: about sizes, frames, lengths, nesting, compression. Each is one rejection, none costs memory."""

from __future__ import annotations

import importlib.util
import struct
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from caseindex.errors import InputRejected
from tests.conftest import REPOSITORY
from tests.ingest.dicom_builder import dicom_bytes

PICTURE = np.arange(64, dtype=np.uint16).reshape(8, 8)
Taken = Callable[..., list[Any]]


def rejected(taken: Taken, data: bytes, **options: Any) -> str:
    with pytest.raises(InputRejected) as caught:
        taken(data, **options)
    return caught.value.code


def patched(data: bytes, group: int, element: int, value: bytes) -> bytes:
    """The value of a short explicit element overwritten in place."""
    at = data.index(struct.pack("<HH", group, element)) + 8
    return data[:at] + value + data[at + len(value) :]


def test_gigapixels_are_refused_before_anything_is_allocated(taken: Taken) -> None:
    data = dicom_bytes(PICTURE)
    for element in (0x10, 0x11):
        data = patched(data, 0x0028, element, b"\xff\xff")
    tracemalloc.start()
    assert rejected(taken, data) == "too_large"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_more_frames_than_there_are_bytes_for(taken: Taken) -> None:
    assert rejected(taken, dicom_bytes(PICTURE, NumberOfFrames=4000)) == "undecodable_pixels"
    assert rejected(taken, dicom_bytes(PICTURE, NumberOfFrames=2_000_000_000)) == "too_large"


@pytest.mark.parametrize("frames", ["-1", "0", "1"])
def test_numbers_of_frames_that_mean_one(frames: str, taken: Taken) -> None:
    assert len(taken(dicom_bytes(PICTURE, elements={0x00280008: ("IS", frames)}))) == 1


@pytest.mark.parametrize("cut", [1, 2, 60, 127])
def test_truncated_pixel_data(cut: int, taken: Taken) -> None:
    assert rejected(taken, dicom_bytes(PICTURE)[:-cut]) == "undecodable_pixels"


@pytest.mark.parametrize("element", [0x10, 0x11, 0x100, 0x02])
def test_zero_sizes(element: int, taken: Taken) -> None:
    assert rejected(taken, patched(dicom_bytes(PICTURE), 0x0028, element, b"\0\0")) == "undecodable_pixels"


def test_a_deflate_bomb(taken: Taken) -> None:
    data = dicom_bytes(PICTURE, transfer_syntax=DeflatedExplicitVRLittleEndian)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = squeeze.compress(bytes(64 << 20)) + squeeze.flush()
    start = data.index(b"\x02\x00\x10\x00")  # keep the meta information, replace the data set
    length = int.from_bytes(data[140:144], "little")
    assert start < 144 + length
    assert rejected(taken, data[: 144 + length] + bomb, max_file_mb=8) == "too_large"


@pytest.mark.parametrize("depth", [100, 5000])
def test_deep_sequences(depth: int, taken: Taken) -> None:
    data = dicom_bytes(PICTURE)
    at = data.index(b"\x20\x00\x0d\x00")
    nested = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * depth
    code = rejected(taken, data[:at] + nested + data[at:])
    assert code in {"broken_dicom", "no_pixels", "undecodable_pixels"}


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFF0])
def test_lengths_beyond_the_end(length: int, taken: Taken) -> None:
    data = dicom_bytes(PICTURE)
    at = data.index(b"\xe0\x7f\x10\x00") + 8
    code = rejected(taken, data[:at] + struct.pack("<I", length) + data[at + 4 : at + 60])
    assert code in {"broken_dicom", "no_pixels", "undecodable_pixels"}


@pytest.mark.parametrize(
    "elements",
    [
        {0x00281053: ("LO", "1e308"), 0x00281052: ("LO", "1e308")},
        {0x00281050: ("LO", "nan"), 0x00281051: ("LO", "inf")},
        {0x00281050: ("LO", "x\\y"), 0x00281051: ("LO", "")},
        {0x00281053: ("LO", "0")},
        {0x00280030: ("LO", "0\\-1")},
        {0x00280034: ("LO", "0\\0")},
        {0x00200037: ("LO", "1\\0\\0\\1\\0\\0"), 0x00200032: ("LO", "1e300\\a")},
        {0x00283010: ("LO", "no sequence")},
        {0x52009230: ("LO", "no sequence")},
        {0x00080005: ("LO", "ISO_IR 999\\\\x")},
        {0x00280120: ("LO", "many")},
        {0x00280101: ("US", 77), 0x00280102: ("US", 200)},
    ],
)
def test_absurd_values_do_not_stop_a_picture(elements: dict[int, tuple[str, Any]], taken: Taken) -> None:
    data = dicom_bytes(PICTURE, elements=elements)
    try:
        [found] = taken(data)
    except InputRejected as error:
        assert error.code == "constant_image"  # noqa: PT017 - 1e308 leaves nothing to see
        assert 0x00281053 in elements
    else:
        assert found.pixels.min() < found.pixels.max()


def test_errors_do_not_quote_the_header(taken: Taken) -> None:
    data = dicom_bytes(PICTURE, PatientName="Secretova^Anna", NumberOfFrames=9)
    with pytest.raises(InputRejected) as caught:
        taken(data)
    assert "Secretova" not in str(caught.value)


@pytest.fixture(scope="module")
def mutations() -> ModuleType:
    path = REPOSITORY / "benchmarks" / "robustness" / "mutate_dicom.py"
    spec = importlib.util.spec_from_file_location("mutate_dicom", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutate_dicom"] = module
    spec.loader.exec_module(module)
    return module


def test_mutants_are_pictures_or_rejections(mutations: ModuleType, tmp_path: Path) -> None:
    """The short version of benchmarks/robustness/mutate_dicom.py, on files made here."""
    originals = [
        dicom_bytes(PICTURE, WindowCenter=20, WindowWidth=30, RescaleSlope=1, RescaleIntercept=-5, PatientName="A^B"),
        dicom_bytes(np.stack([PICTURE] * 3), frames=3, SpecificCharacterSet="ISO_IR 144"),
        dicom_bytes(PICTURE, transfer_syntax=DeflatedExplicitVRLittleEndian),
    ]
    outcomes = [
        mutations.outcome(mutations.mutant(originals[seed % 3], seed), tmp_path / "mutant.dcm") for seed in range(250)
    ]
    assert [found for found in outcomes if found.startswith("crash")] == []
    assert outcomes.count("taken") > 20
    assert len(set(outcomes)) >= 4


def test_a_seed_gives_the_same_mutant(mutations: ModuleType) -> None:
    data = dicom_bytes(PICTURE)
    assert mutations.mutant(data, 5) == mutations.mutant(data, 5) != mutations.mutant(data, 6)
