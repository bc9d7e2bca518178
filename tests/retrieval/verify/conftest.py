"""One archive with a fitted verifier for all tests of verification."""

from __future__ import annotations

import pytest

from caseindex.index.archive import Archive
from caseindex.retrieval.verify.opened import Opened, open_verifier
from tests.retrieval.verify.cases import make_archive


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return make_archive(tmp_path_factory.mktemp("verify") / "archive")


@pytest.fixture(scope="session")
def opened(archive: Archive) -> Opened:
    return open_verifier(archive)
