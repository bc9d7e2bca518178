"""Fixtures that several parts of the tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

# One thread each: the suite runs in parallel processes, and results must not depend on the number of cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data packs; the tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("CASEINDEX_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the real data packs are not here; set CASEINDEX_TEST_DATA to their folder to run this test")
    return folder
