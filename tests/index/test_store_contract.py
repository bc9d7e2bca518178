from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

from caseindex.index.store import LmdbStore
from tests.contracts import record_store


def _make() -> LmdbStore:
    return LmdbStore(Path(tempfile.mkdtemp(prefix="caseindex-test-")) / "cases.lmdb", map_size=1 << 20)


def _reopen(store: LmdbStore) -> LmdbStore:
    store.compact()
    store.close()
    return LmdbStore(store.path)


Machine = record_store.machine_for(_make, _reopen)
TestLmdbStore = Machine.TestCase
TestLmdbStore.settings = settings(
    max_examples=20, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_another_dimension_under_one_fingerprint_is_refused(tmp_path: Path) -> None:
    record_store.another_dimension_is_refused(LmdbStore(tmp_path / "cases.lmdb"))


def test_a_snapshot_stays_as_it_was(tmp_path: Path) -> None:
    record_store.a_snapshot_stays_as_it_was(LmdbStore(tmp_path / "cases.lmdb"))


def test_changed_content_is_another_item(tmp_path: Path) -> None:
    record_store.changed_content_is_another_item(LmdbStore(tmp_path / "cases.lmdb"))


def test_a_study_that_all_left_goes(tmp_path: Path) -> None:
    record_store.a_study_that_all_left_goes(LmdbStore(tmp_path / "cases.lmdb"))
