"""Decoding of bytes, and DCMTK as the second opinion."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archive_place import Place
from PIL import Image as PillowImage

from caseindex.index.store import LmdbStore
from caseindex.ingest.decode import Decoded, RenderOptions, decode


@pytest.fixture
def taken(tmp_path: Path) -> Callable[..., list[Decoded]]:
    """bytes -> what :func:`decode` gives for them."""

    def run(data: bytes, name: str = "a.dcm", **options: Any) -> list[Decoded]:
        path = tmp_path / name
        path.write_bytes(data)
        return list(decode(str(path), name, RenderOptions(**options)))  # type: ignore[arg-type]

    return run


@pytest.fixture
def pixels(taken: Callable[..., list[Decoded]]) -> Callable[..., np.ndarray]:
    """bytes -> the picture of the only frame."""

    def run(data: bytes, **options: Any) -> np.ndarray:
        [found] = taken(data, **options)
        return found.pixels

    return run


@pytest.fixture
def agrees_with_dcmtk(tmp_path: Path) -> Callable[..., None]:
    """Fails where DCMTK's rendering differs by more than one level; says nothing where DCMTK is not installed (the
    tests that use it hold values computed by hand beside it)."""

    def run(data: bytes, picture: np.ndarray, *options: str, levels: int = 1) -> None:
        program = shutil.which("dcmj2pnm") or shutil.which("dcm2img")
        if program is None:
            return
        source = tmp_path / "dcmtk.dcm"
        source.write_bytes(data)
        target = tmp_path / "dcmtk.pnm"
        subprocess.run([program, "-q", "-O", *options, "+op", str(source), str(target)], check=True)
        other = np.asarray(PillowImage.open(target))
        assert other.shape == picture.shape
        assert int(np.abs(other.astype(int) - picture.astype(int)).max()) <= levels

    return run


@pytest.fixture
def place(tmp_path):
    (tmp_path / "archive").mkdir()
    store = LmdbStore(tmp_path / "archive/cases.lmdb")
    yield Place(tmp_path / "archive", store)
    store.close()
