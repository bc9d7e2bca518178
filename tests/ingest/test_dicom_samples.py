"""All files of the public DICOM and NIfTI samples: what their catalogue says decodes is taken."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from caseindex.errors import InputRejected
from caseindex.ingest.decode import Decoded, decode, read_pixels
from caseindex.records import Report

#: Every frame of these holds one value (looked at by hand: pixel_array of each is constant).
CONSTANT = {
    "nibabel/nibabel/nicom/tests/data/decimal_rescale.dcm",
    "highdicom/seg_image_sm_control_labelmap.dcm",
    "highdicom/sm_image_grayscale_reversed.dcm",
}


@pytest.fixture(scope="module")
def samples(shared_data: Path) -> list[dict[str, str]]:
    with (shared_data / "dicom_samples" / "catalog.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_what_decodes_is_taken_and_the_rest_has_a_reason(samples: list[dict[str, str]], shared_data: Path) -> None:
    assert len(samples) == 329
    taken = 0
    for row in samples:
        path = shared_data / "dicom_samples" / row["file"]
        parts: list[Decoded | Report] = []
        code = None
        try:
            for part in decode(str(path), row["file"]):
                parts.append(part)
        except InputRejected as error:
            code = error.code
        pictures = [part for part in parts if isinstance(part, Decoded)]
        if row["pixels"].startswith("ok"):
            assert code == ("constant_image" if row["file"] in CONSTANT else None), row["file"]
            taken += bool(pictures)
        elif row["kind"] == "nifti/other":
            assert code == "unknown_format", row["file"]
        else:
            assert parts or code in {
                "no_pixels", "undecodable_pixels", "broken_dicom", "unknown_format", "empty_file",
                "unsupported_transfer_syntax",
            }, row["file"]  # fmt: skip
        for part in pictures:
            assert part.pixels.dtype == np.uint8
            assert part.pixels.flags.c_contiguous
            assert part.pixels.min() < part.pixels.max()
            assert part.pixels.shape[:2] == (part.image.rows, part.image.columns)
            assert 0 <= part.image.content_score <= 1
            assert part.image.file == row["file"]
            assert len(part.image.file_sha256) == len(part.image.pixel_sha256) == 64
        uids = [part.image.image_uid for part in pictures]
        assert len(set(uids)) == len(uids)
    assert taken == sum(row["pixels"].startswith("ok") for row in samples) - len(CONSTANT)


@pytest.mark.slow
def test_an_archived_image_is_rendered_again_alike(samples: list[dict[str, str]], shared_data: Path) -> None:
    compared = 0
    for row in samples:
        if (
            not row["pixels"].startswith("ok")
            or row["file"] in CONSTANT
            or int(row["bytes"]) > 150_000
            or len(row["frames"]) > 2
        ):
            continue
        path = shared_data / "dicom_samples" / row["file"]
        parts = list(decode(str(path), row["file"]))
        for part in {0: parts[0], -1: parts[-1]}.values():
            assert isinstance(part, Decoded)
            assert np.array_equal(read_pixels(part.image), part.pixels), row["file"]
            compared += 1
    assert compared > 100


def test_a_frame_that_is_not_there(shared_data: Path) -> None:
    from dataclasses import replace

    path = shared_data / "dicom_samples" / "pydicom/pydicom/data/test_files/CT_small.dcm"
    [part] = decode(str(path), "CT_small.dcm")
    assert isinstance(part, Decoded)
    with pytest.raises(InputRejected):
        read_pixels(replace(part.image, frame=3))
    with pytest.raises(InputRejected) as caught:
        read_pixels(replace(part.image, source=str(path) + ".gone"))
    assert caught.value.code == "missing_file"
