"""Decisions about the audit's findings: taken whole or not at all, the last one counts, erased with their patient."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from caseindex.errors import ArchiveDamaged, UsageError
from caseindex.index.archive import Archive
from caseindex.index.decisions import FILE, Decision, finding_key, lessons, read_decisions, take_decisions
from caseindex.index.erasure import erase
from caseindex.records import Image, Study


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made, _ = Archive.create(tmp_path / "archive")
    made.store.put(
        images=[
            Image(image_uid=f"i{n}", study_uid=f"s{n}", file=f"{n}.png", source=f"{n}.png", patient_id=f"PAT-{n}")
            for n in range(4)
        ],
        studies=[Study(study_uid=f"s{n}", patient_id=f"PAT-{n}") for n in range(4)],
    )
    return made


def misfiled(image: int, decision: str = "confirmed", *, of: int = 1, to: int | None = 2) -> dict[str, object]:
    return {
        "kind": "misfiled",
        "decision": decision,
        "image_uids": [f"i{image}"],
        "patient_ids": [f"PAT-{of}"],
        "suggested_patient_id": None if to is None else f"PAT-{to}",
    }


def written(folder: Path, *rows: dict[str, object]) -> Path:
    file = folder / "given.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", "utf-8")
    return file


def test_decisions_come_back(archive: Archive, tmp_path: Path) -> None:
    two = {"kind": "two_ids", "decision": "confirmed", "patient_ids": ["PAT-0", "PAT-3", "PAT-2"], "by": "Eva"}
    assert take_decisions(archive, written(tmp_path, misfiled(1), two)) == 2
    found = read_decisions(archive)
    assert set(found) == {
        finding_key("misfiled", ["i1"], ["PAT-1"]),
        finding_key("two_ids", [], ["PAT-0", "PAT-3", "PAT-2"]),
    }
    first = found[finding_key("misfiled", ["i1"], ["PAT-1"])]
    assert first.decision is Decision.CONFIRMED
    assert first.suggested_patient_id == "PAT-2"
    taught = lessons(archive)
    assert taught.same == (("PAT-0", "PAT-3"), ("PAT-0", "PAT-2"))
    assert taught.reassigned == {"i1": "PAT-2"}


def test_the_last_decision_counts_and_only_confirmed_ones_teach(archive: Archive, tmp_path: Path) -> None:
    take_decisions(archive, written(tmp_path, misfiled(1), misfiled(2, "unsure"), misfiled(3, to=None)))
    assert lessons(archive).reassigned == {"i1": "PAT-2", "i3": None}
    take_decisions(archive, written(tmp_path, misfiled(1, "rejected"), misfiled(2, "Confirmed ")))
    assert lessons(archive).reassigned == {"i2": "PAT-2", "i3": None}
    assert len((archive.path / FILE).read_text("utf-8").splitlines()) == 5  # nothing that was said is changed


def test_a_table_from_a_spreadsheet(archive: Archive, tmp_path: Path) -> None:
    file = tmp_path / "given.csv"
    file.write_text(
        "decision,kind,image_uids,patient_ids,note\n"
        'confirmed,two_ids,,PAT-0|PAT-1,"one, twice"\n'
        "rejected,duplicate_image,i1|i2,PAT-1|PAT-2,\n",
        "utf-8-sig",
    )
    assert take_decisions(archive, file) == 2
    found = list(read_decisions(archive).values())
    assert found[0].patient_ids == ("PAT-0", "PAT-1")
    assert found[0].note == "one, twice"
    assert found[1].image_uids == ("i1", "i2")


def test_the_same_finding_has_the_same_key() -> None:
    assert finding_key("misfiled", ["b", "a"], ["p"]) == finding_key("misfiled", ["a", "b"], ["q"])
    assert finding_key("misfiled", ["a"], []) != finding_key("duplicate_image", ["a"], [])
    # Two ids of one person are one finding, whichever images showed it.
    assert finding_key("two_ids", ["a"], ["p", "q"]) == finding_key("two_ids", ["b"], ["q", "p"])
    assert finding_key("two_ids", [], ["p", "q"]) != finding_key("two_ids", [], ["p", "r"])
    assert len(finding_key("misfiled", ["a"], [])) == 16


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"kind": "misfiled", "decision": "perhaps", "image_uids": ["i1"]}, "perhaps"),
        ({"kind": "misfiled", "image_uids": ["i1"]}, "decision"),
        ({"kind": "moved", "decision": "confirmed", "image_uids": ["i1"]}, "moved"),
        ({"kind": "two_ids", "decision": "confirmed", "patient_ids": ["PAT-1"]}, "two patient_ids"),
        ({"kind": "misfiled", "decision": "confirmed"}, "missing"),
        ({"kind": "misfiled", "decision": "confirmed", "image_uids": [1]}, "missing"),
        ({"kind": "misfiled", "decision": "confirmed", "image_uids": ["i1"], "patient": "x"}, "unknown column"),
        ({"kind": "misfiled", "decision": "confirmed", "image_uids": 5}, "not a decision"),
    ],
)
def test_all_or_none(archive: Archive, tmp_path: Path, row: dict[str, object], words: str) -> None:
    file = written(tmp_path, misfiled(1), row)
    with pytest.raises(UsageError, match=words) as raised:
        take_decisions(archive, file)
    assert f"{file}:2" in str(raised.value)
    assert not (archive.path / FILE).exists()


def test_what_is_not_a_file_of_decisions(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        take_decisions(archive, tmp_path / "absent.jsonl")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        take_decisions(archive, binary)
    (tmp_path / "cut.jsonl").write_text('{"kind": "misfiled"', "utf-8")
    with pytest.raises(UsageError, match="not JSON"):
        take_decisions(archive, tmp_path / "cut.jsonl")
    (tmp_path / "empty").write_text("", "utf-8")
    assert take_decisions(archive, tmp_path / "empty") == 0
    assert read_decisions(archive) == {}
    assert lessons(archive) == lessons(archive).__class__()


def test_a_damaged_line_is_named(archive: Archive, tmp_path: Path) -> None:
    take_decisions(archive, written(tmp_path, misfiled(1)))
    with (archive.path / FILE).open("a", encoding="utf-8") as stream:
        stream.write('{"kind": "mis\n')
    with pytest.raises(ArchiveDamaged, match=rf"{FILE}:2"):
        read_decisions(archive)


@pytest.mark.parametrize("what", ["patient_id", "image_uid"])
def test_decisions_of_the_erased_vanish(archive: Archive, tmp_path: Path, what: str) -> None:
    two = {"kind": "two_ids", "decision": "confirmed", "patient_ids": ["PAT-2", "PAT-3"]}
    take_decisions(archive, written(tmp_path, misfiled(1, of=1, to=0), misfiled(3, of=3, to=0), two))
    erased = erase(archive, patient_id="PAT-1") if what == "patient_id" else erase(archive, image_uid="i1")
    assert not erased.remains
    assert lessons(archive).reassigned == {"i3": "PAT-0"}
    assert lessons(archive).same == (("PAT-2", "PAT-3"),)
    assert b"i1" not in (archive.path / FILE).read_bytes()


def test_decisions_that_name_an_erased_patient_as_the_right_one_vanish(archive: Archive, tmp_path: Path) -> None:
    take_decisions(archive, written(tmp_path, misfiled(1, of=1, to=2), misfiled(3, of=3, to=0)))
    erase(archive, patient_id="PAT-2")
    assert lessons(archive).reassigned == {"i3": "PAT-0"}
    assert b"PAT-2" not in (archive.path / FILE).read_bytes()


@pytest.mark.parametrize("name", ["7", "i7", "a\\b\\c", 'O\'Neil "7"', "Ё-1", "x!y", "a/b", "tab\tbed"])
def test_odd_and_short_ids_vanish_too(archive: Archive, tmp_path: Path, name: str) -> None:
    """A patient who stays has two images; one of them is erased, and another patient who has the odd name as an id."""
    archive.store.put(
        images=[
            Image(image_uid=uid, study_uid=f"s-{uid}", file=f"{n}.bin", source=f"{n}.bin", patient_id=patient)
            for n, (uid, patient) in enumerate([(name, "STAYS"), ("other", "STAYS"), ("last", f"{name}p")], start=20)
        ],
        studies=[Study(study_uid=f"s-{uid}", patient_id="STAYS") for uid in (name, "other")]
        + [Study(study_uid="s-last", patient_id=f"{name}p")],
    )
    rows = [
        {"kind": "misfiled", "decision": "confirmed", "image_uids": [name], "patient_ids": ["STAYS"]},
        {"kind": "two_ids", "decision": "confirmed", "patient_ids": ["STAYS", f"{name}p"]},
        {"kind": "misfiled", "decision": "confirmed", "image_uids": [f"{name}77"], "patient_ids": ["STAYS"]},
    ]
    take_decisions(archive, written(tmp_path, *rows))
    assert not erase(archive, image_uid=name).remains
    assert set(lessons(archive).reassigned) == {f"{name}77"}
    assert lessons(archive).same == (("STAYS", f"{name}p"),)
    assert not erase(archive, patient_id=f"{name}p").remains
    assert lessons(archive).same == ()
    assert set(lessons(archive).reassigned) == {f"{name}77"}


@pytest.mark.parametrize("name", ["a\\b", "Ё\\1", "Ёлки\\палки-0001"])
@pytest.mark.parametrize("escaped", [True, False])
def test_the_proof_sees_what_json_has_escaped(archive: Archive, name: str, escaped: bool) -> None:
    archive.store.put(
        images=[Image(image_uid="odd", study_uid="so", file="o.bin", source="o.bin", patient_id=name)],
        studies=[Study(study_uid="so", patient_id=name)],
    )
    log = archive.path / "runs" / "one" / "log.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text(json.dumps({"patients": [name]}, ensure_ascii=escaped), "utf-8")
    assert [one.file for one in erase(archive, patient_id=name).remains] == ["runs/one/log.jsonl"]
