"""Cells, tables, keys and derived UIDs."""

from __future__ import annotations

import gzip

import pytest

from caseindex.errors import InputRejected
from caseindex.ingest import derived_uid, given, tables
from caseindex.ingest.keyset import KeySet
from caseindex.ingest.lookup import Lookup
from caseindex.records import Language, Sex


@pytest.mark.parametrize(
    ("cell", "years"),
    [
        ("22", 22), ("058Y", 58), ("006M", 0.5), ("0", 0), ("3 мес.", 0.25), ("65岁", 65), ("45 лет", 45),
        ("131", None), ("-1", None), ("", None), ("adult", None), ("nan", None),
    ],
)  # fmt: skip
def test_age(cell, years):
    assert given.age_years(cell) == (None if years is None else pytest.approx(years))


@pytest.mark.parametrize(
    ("cell", "date"),
    [
        ("2024-03-01", "2024-03-01"), ("2024-03-01T10:20:00", "2024-03-01"), ("20240301", "2024-03-01"),
        ("1.3.2024", "2024-03-01"), ("2024/03/01", "2024-03-01"), ("2024年3月1日", "2024-03-01"),
        ("follow-up 013", None), ("day 10", None), ("7", None), ("20241301", None), ("", None),
    ],
)  # fmt: skip
def test_date(cell, date):
    assert given.iso_date(cell) == date


def test_sex_and_language():
    assert [given.sex(cell) for cell in ("male", "F", "Ж", "муж.", "女", "unknown", "")] == [
        Sex.MALE, Sex.FEMALE, Sex.FEMALE, Sex.MALE, Sex.FEMALE, None, None,
    ]  # fmt: skip
    assert [given.language(cell) for cell in ("ru", "EN", "zh-CN", "es", "")] == [
        Language.RUSSIAN, Language.ENGLISH, Language.CHINESE, None, None,
    ]  # fmt: skip


def test_private_columns_are_not_kept():
    cells = {
        "patient_name": "x", "PatientBirthDate": "x", "ФИО": "x", "Дата рождения": "x", "姓名": "x", "DOB": "x",
        "PatientBirth": "x", "scanner": "A", "empty": "",
    }  # fmt: skip
    assert given.attributes(cells) == {"scanner": "A"}


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_tables_in_any_character_set(tmp_path, codec):
    text = 'image,report\r\na.png,"Ишемический инсульт в бассейне левой средней мозговой артерии,\nотёк"\r\n'
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode(codec))
    (row,) = tables.rows(path)
    assert row.cells == {
        "image": "a.png",
        "report": "Ишемический инсульт в бассейне левой средней мозговой артерии,\nотёк",
    }


def test_chinese_tables_compressed_and_with_semicolons(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress("检查号;诊断意见\n1;双肺炎症，建议复查。两侧胸腔少量积液。\n".encode("gb18030")))
    (row,) = tables.rows(path)
    assert row.cells == {"检查号": "1", "诊断意见": "双肺炎症，建议复查。两侧胸腔少量积液。"}


def test_rows_with_too_many_cells_are_reported_and_short_ones_filled(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1\n1,2,3\n\n4,5\n")
    bad = [row for row in tables.rows(path) if isinstance(row, InputRejected)]
    good = [row.cells for row in tables.rows(path) if not isinstance(row, InputRejected)]
    assert [(error.code, error.item) for error in bad] == [("bad_row", f"{path}:3")]
    assert good == [{"a": "1"}, {"a": "4", "b": "5"}]


def test_a_torn_compressed_table_ends_with_a_rejection(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(("a,b\n" + "".join(f"{n},{n * n}\n" for n in range(50_000))).encode())[:-2000])
    *_, last = tables.rows(path)
    assert isinstance(last, InputRejected)
    assert last.code == "unreadable"


def test_key_sets_hold_what_was_added_and_nothing_else():
    keys = KeySet()
    for number in range(30_000):
        keys.add(str(number), "x")
    assert len(keys) == 30_000
    assert all((str(number), "x") in keys for number in range(0, 30_000, 7))
    assert not any((str(number), "y") in keys for number in range(0, 30_000, 7))
    assert ("1x", "") not in keys


def test_lookup_gives_the_last_row_of_a_key():
    with Lookup([("a", {"n": "1"}), ("b", {"n": "2"}), ("a", {"n": "3"})]) as lookup:
        assert (lookup.get("a"), lookup.get("b"), lookup.get("c")) == ({"n": "3"}, {"n": "2"}, {})


def test_study_uids_keep_patients_apart():
    assert derived_uid.study_uid("p1", "1") != derived_uid.study_uid("p2", "1")
    assert derived_uid.study_uid("a/b", "c") != derived_uid.study_uid("a", "b/c")
    assert len(derived_uid.study_uid("p", "s" * 500)) < 128
    assert derived_uid.image_uid("images/000.jpg", "1") != derived_uid.image_uid("images/000.jpg", "2")
