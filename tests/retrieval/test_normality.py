"""Normal studies are found in the place that was asked for, whatever else is normal in the archive."""

from __future__ import annotations

from pathlib import Path

import pytest

from caseindex.index.archive import Archive
from caseindex.records import Language, Report, Study
from caseindex.retrieval.query import Query
from caseindex.retrieval.search import Searcher

REPORTS = {
    "head": (
        "Описание: Мозг без очаговых изменений. Заключение: патологических изменений не выявлено.",
        Language.RUSSIAN,
    ),
    "chest": ("The lungs are clear. Heart size normal. No acute cardiopulmonary abnormality.", Language.ENGLISH),
    "stroke": ("Заключение: ишемический инсульт головного мозга.", Language.RUSSIAN),
    "fracture": ("Заключение: перелом бедра со смещением.", Language.RUSSIAN),
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    made, _ = Archive.create(tmp_path_factory.mktemp("normal") / "archive")
    made.store.put(
        studies=[Study(study_uid=name, patient_id=name) for name in REPORTS],
        reports=[
            Report(report_uid=name, study_uid=name, text=text, file=name, patient_id=name, language=language)
            for name, (text, language) in REPORTS.items()
        ],
    )
    return made


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("normal chest x-ray", "chest"),
        ("正常胸片", "chest"),
        ("норма органов грудной клетки", "chest"),
        ("normal brain", "head"),
        ("норма головного мозга", "head"),
    ],
)
def test_the_place_decides(archive: Archive, text: str, first: str, tmp_path: Path) -> None:
    hits = Searcher(archive).search(Query(text=text)).hits
    assert hits[0].study_uid == first
    assert "stroke" not in [hit.study_uid for hit in hits]
