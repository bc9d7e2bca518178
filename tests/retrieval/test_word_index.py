"""The derived word index: incremental equals rebuilt, removed is gone, damaged is rebuilt."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from caseindex.index.archive import Archive
from caseindex.records import Language, Report, Study
from caseindex.retrieval import word_index
from caseindex.retrieval.bm25 import term_scores
from caseindex.retrieval.question import read_question
from caseindex.retrieval.word_index import WordIndex, damaged_files, open_word_index
from caseindex.retrieval.words import score_reports


def answers(archive: Archive, index: WordIndex) -> dict[tuple[str, int], float]:
    found = {}
    for text in ("ischemic stroke", "геморрагический инсульт", "falx", "no infarction"):
        scores = score_reports(index, read_question(text)).scores
        found |= {(text, int(i)): round(float(s), 5) for i, s in zip(index.document_ids, scores, strict=True)}
    return found


def rebuilt(archive: Archive) -> dict[tuple[str, int], float]:
    import shutil

    shutil.rmtree(archive.indexes_dir / "terms")
    return answers(archive, open_word_index(archive))


def new_report(number: int, text: str) -> dict[str, list[object]]:
    study = Study(study_uid=f"new-{number}", patient_id="N")
    report = Report(
        report_uid=f"new-{number}",
        study_uid=study.study_uid,
        text=text,
        file="new.txt",
        patient_id="N",
        language=Language.ENGLISH,
    )
    return {"studies": [study], "reports": [report]}


def test_added_changed_and_removed_reports(own_archive: Archive) -> None:
    analysed: list[int] = []

    def count(done: int, total: int) -> None:
        analysed.append(total)

    open_word_index(own_archive, count)
    assert analysed[-1] == 10
    analysed.clear()
    open_word_index(own_archive, count)
    assert analysed == []  # nothing was written meanwhile
    own_archive.store.put(**new_report(1, "Impression: Acute ischemic stroke, xanthogranuloma."))  # type: ignore[arg-type]
    own_archive.store.put(**new_report(2, "Impression: Meningioma."))  # type: ignore[arg-type]
    index = open_word_index(own_archive, count)
    assert analysed[-1] == 2
    assert len(index) == 12
    own_archive.store.put(**new_report(1, "Impression: Glioblastoma."))  # type: ignore[arg-type]
    own_archive.store.remove(patient_id="P00")
    index = open_word_index(own_archive)
    assert len(index) == 11
    assert not any("xanthogranuloma" in term for term in index.vocabulary)
    assert answers(own_archive, index) == rebuilt(own_archive)


def test_scores_equal_bm25s(archive: Archive) -> None:
    import bm25s

    index = open_word_index(archive)
    reference = bm25s.BM25.load(str(index.bm25_folder), load_vocab=False)
    for terms in (["инсульт"], ["pleural", "effus"]):
        numbers = [index.vocabulary[term] for term in terms]
        ours = sum(term_scores(index.bm25_folder, number, len(index)) for number in numbers)
        np.testing.assert_allclose(ours, reference.get_scores(numbers), rtol=1e-6)
        assert float(np.max(ours)) > 0


def damage_truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-3])


def damage_flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x10
    file.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [damage_truncate, damage_flip, Path.unlink])
def test_damage_is_noticed_and_rebuilt(own_archive: Archive, damage: Callable[[Path], None]) -> None:
    before = answers(own_archive, open_word_index(own_archive))
    root = own_archive.indexes_dir / "terms"
    names = list(json.loads((root / "manifest.json").read_text())["checksums"])
    assert damaged_files(root) == []
    for name in names:
        folder = root / json.loads((root / "manifest.json").read_text())["folder"]
        damage(folder / name)
        assert damaged_files(root) == [name]
        assert answers(own_archive, open_word_index(own_archive)) == before
        assert damaged_files(root) == []


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": 1}', '{"format": "x"}', "null", '{"folder": "../../../../etc", "format": 1}']
)
def test_a_foreign_manifest_is_not_believed(own_archive: Archive, text: str) -> None:
    before = answers(own_archive, open_word_index(own_archive))
    (own_archive.indexes_dir / "terms" / "manifest.json").write_text(text)
    assert answers(own_archive, open_word_index(own_archive)) == before


def test_another_lexicon_means_another_index(own_archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_word_index(own_archive).folder
    assert open_word_index(own_archive).folder == first
    monkeypatch.setattr(word_index, "analyser_fingerprint", lambda: "another")
    assert open_word_index(own_archive).folder != first
    assert not first.exists()


def test_it_answers_where_nothing_can_be_written(own_archive: Archive) -> None:
    (own_archive.path / "indexes").mkdir(exist_ok=True)
    (own_archive.path / "indexes" / "terms").write_text("in the way")
    index = open_word_index(own_archive)
    assert len(index) == 10
    assert own_archive.path not in index.folder.parents


def test_an_archive_without_reports(tmp_path: Path) -> None:
    from caseindex.settings import Settings, dump_settings

    (tmp_path / "archive.toml").write_text(dump_settings(Settings()))
    empty = Archive.open(tmp_path)
    index = open_word_index(empty)
    assert len(index) == 0
    assert score_reports(index, read_question("stroke")).known is False
    empty.store.close()


def test_change_of_something_else_keeps_the_index(own_archive: Archive) -> None:
    before = open_word_index(own_archive)
    own_archive.store.put(studies=[Study(study_uid="another", patient_id="P99")])
    analysed: list[int] = []
    after = open_word_index(own_archive, lambda done, total: analysed.append(done))
    assert after.folder == before.folder
    assert not analysed
    manifest = json.loads((before.folder.parent / "manifest.json").read_text())
    with own_archive.store.read() as reader:
        assert manifest["generation"] == reader.generation()
