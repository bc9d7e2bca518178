"""A pack of images in the manifest layout as arrays at one size, with who is who, and the split of the paediatric pack."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from caseindex.encoders.alignment import Alignment
from caseindex.evaluation.identity_set import numbered
from caseindex.records import Int64Array, PixelArray
from caseindex.train.identity_task import IdentityImages

DATA = Path(os.environ.get("CASEINDEX_TEST_DATA", "../shared/data"))
#: `personN_bacteria` and `personN_virus` of the paediatric pack may be one child.
_DISEASE = re.compile(r"_(bacteria|virus)$")


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """``pixels``: [n, side, side] uint8, squashed to a square, so that no size or aspect is a short cut; ``persons``,
    ``families``, ``copies``: [n]."""

    pixels: PixelArray
    persons: Int64Array
    families: Int64Array
    copies: Int64Array

    def images(self, pixels: PixelArray | None = None) -> IdentityImages:
        n = len(self.persons)
        taken = self.pixels if pixels is None else pixels
        return IdentityImages(taken, self.persons, self.families, np.zeros(n, np.int64), np.arange(n), self.copies)

    def rows(self, chosen: np.ndarray) -> Pack:
        return Pack(self.pixels[chosen], self.persons[chosen], self.families[chosen], self.copies[chosen])


def read_pack(name: str, side: int = 224, data: Path = DATA) -> tuple[Pack, np.ndarray]:
    """(the pack, [n] position of each image's family in [0, 1) by hash: a split that depends on nothing else)."""
    folder = data / name
    rows = list(csv.DictReader((folder / "manifest.csv").read_text("utf-8").splitlines()))

    def picture(row: dict[str, str]) -> PixelArray:
        grey = cv2.imread(str(folder / row["image"]), cv2.IMREAD_GRAYSCALE)
        shrinks = min(grey.shape) >= side
        return cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)

    with ThreadPoolExecutor() as pool:
        pixels = np.stack(list(pool.map(picture, rows)))
    families = [_DISEASE.sub("", row["patient_id"]) for row in rows]
    position = np.array([int(hashlib.sha256(f"0{name}".encode()).hexdigest()[:8], 16) / 2**32 for name in families])
    copies = numbered([hashlib.sha256(one.tobytes()).hexdigest() for one in pixels])
    return Pack(pixels, numbered([row["patient_id"] for row in rows]), numbered(families), copies), position


def aligned(pixels: PixelArray, alignment: Alignment | None) -> PixelArray:
    """Registered to the alignment's mean; the same pixels without one."""
    if alignment is None:
        return pixels
    with ThreadPoolExecutor() as pool:
        return np.stack(list(pool.map(alignment, pixels)))
