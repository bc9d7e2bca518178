"""A disk that is really full, where a small file system can be mounted."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from caseindex.errors import StorageFull
from caseindex.index.archive import Archive
from caseindex.index.atomic import write_file_atomically
from caseindex.index.checking import check
from caseindex.records import Image, ItemKind


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("a small file system cannot be mounted here (needs root); the fault library covers ENOSPC")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=False)


def test_a_full_disk_is_a_clear_error_and_loses_nothing(tiny_disk: Path) -> None:
    archive, _ = Archive.create(tiny_disk / "archive")
    images = [
        Image(image_uid=f"1.{n}", study_uid="1", file="f", source="/f", attributes={"x": "y" * 400})
        for n in range(9000)
    ]
    stored = 0
    error = ""
    for start in range(0, len(images), 100):
        try:
            archive.store.put(images=images[start : start + 100])
        except StorageFull as full:
            error = str(full)
            break
        stored = start + 100
    assert stored > 0
    assert "the disk is full" in error
    with archive.store.read() as reader:
        assert reader.counts().images == stored
    vectors = np.full((stored, 512), 512**-0.5, np.float32)
    with pytest.raises(StorageFull):
        archive.store.put_embeddings("m", ItemKind.IMAGE, [image.image_uid for image in images[:stored]], vectors)
    with pytest.raises(StorageFull):
        write_file_atomically(archive.path / "new", b"x" * (4 << 20))
    assert not list(archive.path.glob(".new*"))
    archive.store.close()
    again = Archive.open(archive.path)
    assert {problem.kind for problem in check(again)} <= {"source_missing", "reference_missing"}
    with again.store.read() as reader:
        assert reader.counts().images == stored
    again.store.close()
