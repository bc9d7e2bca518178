"""SIGKILL at random moments and at each file-changing call: nothing acknowledged is lost, nothing removed comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.durability import harness


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = harness.build_library(tmp_path_factory.mktemp("fault"))
    if built is None:
        pytest.skip("no C compiler (cc, gcc, clang): the fault library cannot be built")
    return built


def test_killed_at_random_moments(tmp_path: Path) -> None:
    outcome = harness.kill_at_random(tmp_path / "archive", runs=6, seed=1)
    assert outcome.problems == []
    assert outcome.killed == 6
    assert outcome.acknowledged > 6


@pytest.mark.parametrize(("fault", "stride", "offset"), [("kill", 26, 3), ("ENOSPC", 57, 5), ("EIO", 83, 11)])
def test_faults_at_some_calls(tmp_path: Path, library: Path, fault: str, stride: int, offset: int) -> None:
    calls = harness.count_calls(tmp_path, library)
    outcome = harness.fault_at_each(tmp_path, library, fault, range(offset, calls, stride))
    assert outcome.problems == []
    assert (outcome.killed if fault == "kill" else outcome.failed_clearly) == outcome.runs > 1


def test_a_disk_that_fills_while_the_archive_is_made(tmp_path: Path, library: Path) -> None:
    """LMDB cannot open a file whose first pages were cut short, so the empty one is made beside its place."""
    outcome = harness.fault_at_each(tmp_path, library, "ENOSPC", range(8, 20))
    assert outcome.problems == []
    assert outcome.failed_clearly == outcome.runs > 1


@pytest.mark.slow
def test_killed_hundreds_of_times(tmp_path: Path) -> None:
    outcome = harness.kill_at_random(tmp_path / "archive", runs=300, seed=2)
    assert outcome.problems == []
    assert outcome.killed == 300


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["kill", "ENOSPC", "EIO", "EDQUOT"])
def test_a_fault_at_every_call(tmp_path: Path, library: Path, fault: str) -> None:
    calls = harness.count_calls(tmp_path, library)
    outcome = harness.fault_at_each(tmp_path, library, fault, range(1, calls + 3))
    assert outcome.problems == []
    assert outcome.finished >= 1  # past the last call nothing happens: every call was reached


def test_the_harness_notices_a_loss(tmp_path: Path) -> None:
    """A test that cannot fail proves nothing: a record taken away behind its back, a removed one put back."""
    outcome = harness.kill_at_random(tmp_path / "archive", runs=2, seed=3)
    done = set(range(6))
    from caseindex.index.archive import Archive
    from tests.durability import writer

    assert outcome.problems == []
    archive = Archive.open(tmp_path / "archive")
    for step in range(1200, 1206):
        writer.do(archive, step)
    done = set(range(1200, 1206))
    assert harness.verify(archive.path, done, done) == []
    archive.store.remove(image_uid=writer.uids(1202)[0])
    assert any("lost" in one for one in harness.verify(archive.path, done, done))
    writer.do(archive, 1200)
    wrong = harness.verify(archive.path, done, done)
    assert any("removed and here again" in one for one in wrong)
    assert any("came back" in one for one in wrong)
