"""`caseindex reports`: labels and statements of the archive, of a text, of a table."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from caseindex.cli.main import main
from caseindex.evaluation.label_table import read_label_table
from caseindex.index.archive import Archive
from caseindex.records import Language, Report, Study

TEXTS = {
    "r.1": ("Заключение: ОНМК по ишемическому типу слева.", Language.RUSSIAN),
    "r.2": ("IMPRESSION: No abnormality.", Language.ENGLISH),
}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made, _ = Archive.create(tmp_path / "archive")
    made.store.put(
        studies=[Study(study_uid=f"s.{uid}", patient_id="P") for uid in TEXTS],
        reports=[
            Report(report_uid=uid, study_uid=f"s.{uid}", patient_id="P", text=text, file="r.csv", language=language)
            for uid, (text, language) in TEXTS.items()
        ],
    )
    return made


def run(capsys: Any, *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


def test_labels_of_an_archive_are_a_table_that_training_reads(archive: Archive, tmp_path: Path, capsys: Any) -> None:
    output = tmp_path / "labels.csv"
    status, out, _ = run(capsys, "reports", "label", "--set", "brain-ct", "--archive", archive.path, "--output", output)
    assert status == 0
    assert json.loads(out) == {
        "set": "brain-ct",
        "file": str(output),
        "reports": 2,
        "counts": {"label": {"Ишемический инсульт": 1, "Патологии не выявлено": 1}},
    }
    assert output.read_text(encoding="utf-8").splitlines() == [
        "report_uid,study_uid,label",
        "r.1,s.r.1,Ишемический инсульт",
        "r.2,s.r.2,Патологии не выявлено",
    ]
    table = read_label_table(output)
    row = table.of(report_uid="r.1")
    assert row is not None
    assert [name for name, has in row.items() if has == 1.0] == ["Ишемический инсульт"]


def test_labels_of_a_table_of_texts_in_the_chexpert_form(tmp_path: Path, capsys: Any) -> None:
    table, output = tmp_path / "texts.csv", tmp_path / "labels.csv"
    table.write_text("study_id,report\n7,No pneumothorax. Possible pneumonia.\n8,Cardiomegaly.\n", encoding="utf-8")
    status, _, _ = run(capsys, "reports", "label", "--set", "chexpert", "--text-file", table, "--output", output)
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(output.read_text(encoding="utf-8"))))
    assert [(row["study_id"], row["Pneumothorax"], row["Pneumonia"], row["Cardiomegaly"]) for row in rows] == [
        ("7", "0", "-1", ""),
        ("8", "", "", "1"),
    ]
    assert read_label_table(output).many


def test_statements_of_a_text_in_an_old_encoding(tmp_path: Path, capsys: Any) -> None:
    text = tmp_path / "report.txt"
    text.write_bytes("Субдуральная гематома левой лобной области уменьшилась.".encode("cp1251"))
    status, out, _ = run(capsys, "reports", "statements", "--text-file", text)
    assert status == 0
    [made] = json.loads(out)
    assert [made[name] for name in ("finding", "polarity", "side", "place", "change")] == [
        "sdh",
        "present",
        "left",
        "frontal_lobe",
        "improved",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("label", "--set", "padchest", "--text-file", "-"), "Known: brain-ct"),
        (("label", "--set", "chexpert", "--text-file", "missing.txt"), "No such file"),
        (("statements", "--text-file", "wrong.csv"), "no column of texts"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, capsys: Any, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "wrong.csv").write_text("id,age\n1,2\n", encoding="utf-8")
    given = [str(tmp_path / a) if a.endswith((".txt", ".csv")) else a for a in arguments]
    status, out, err = run(capsys, "reports", *given)
    assert status in (1, 2)
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
