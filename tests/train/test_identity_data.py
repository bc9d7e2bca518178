"""Who is who in identity training: kinds of picture, unknown patients, possibly-same ones, decisions of the audit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from caseindex.index.archive import Archive
from caseindex.index.decisions import lessons, take_decisions
from caseindex.records import Image, Study
from caseindex.train.identity_data import IdentityRecords, read_records, split_records
from caseindex.train.identity_task import IdentityImages
from caseindex.train.losses.person_pairs import PersonPairs, person_pairs


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """Patients A to H with two frontal images each and a lateral one of A; one image of nobody known."""
    (tmp_path / "archive.toml").write_text("")
    made = Archive.open(tmp_path)
    rows = [(f"{patient}{number}", patient, "PA") for patient in "ABCDEFGH" for number in (1, 2)]
    rows += [("A3", "A", "LATERAL"), ("nobody", None, "PA")]
    made.store.put(
        studies=[Study(study_uid=uid, patient_id=patient) for uid, patient, _ in rows],
        images=[
            Image(image_uid=uid, study_uid=uid, file=uid, source=uid, patient_id=patient, view=view, modality="CR")
            for uid, patient, view in rows
        ],
    )
    yield made
    made.store.close()


DECISIONS = """decision,kind,image_uids,patient_ids,suggested_patient_id
confirmed,two_ids,A1|B1,A|B,
rejected,two_ids,C1|D1,C|D,
unsure,two_ids,C1|E1,C|E,
confirmed,misfiled,C2,C,D
rejected,misfiled,D2,D,E
confirmed,misfiled,F2,F,
"""


def _pairs(records: IdentityRecords) -> tuple[PersonPairs, dict[str, int]]:
    place = {image.image_uid: row for row, image in enumerate(records.images)}
    vectors = torch.eye(len(place))
    pairs = person_pairs(vectors, torch.from_numpy(records.persons), families=torch.from_numpy(records.families))
    return pairs, place


def _relation(records: IdentityRecords, one: str, two: str) -> str:
    pairs, place = _pairs(records)
    same, different = bool(pairs.same[place[one], place[two]]), bool(pairs.different[place[one], place[two]])
    assert not (same and different)
    return "same" if same else "strangers" if different else "neither"


def test_as_the_archive_says(archive: Archive) -> None:
    records = read_records(archive, [("G", "H")])
    wanted = {
        ("A1", "A2"): "same",
        ("A1", "B1"): "strangers",
        ("C2", "D1"): "strangers",
        ("A1", "A3"): "neither",  # frontal and lateral teach nothing about each other
        ("B1", "A3"): "strangers",
        ("G1", "H2"): "neither",
        ("G1", "G2"): "same",
        ("nobody", "A1"): "neither",
        ("A1", "nobody"): "neither",
    }
    assert {pair: _relation(records, *pair) for pair in wanted} == wanted


def test_decisions_of_the_audit_become_pairs(archive: Archive, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(DECISIONS)
    assert take_decisions(archive, file) == 6
    known = lessons(archive)
    records = read_records(archive, [], known.same, known.reassigned)
    wanted = {
        ("A1", "B1"): "same",  # one person under two ids
        ("B2", "A2"): "same",
        ("A3", "B1"): "neither",
        ("C2", "D1"): "same",  # was filed under C
        ("C2", "C1"): "strangers",
        ("D1", "D2"): "same",  # rejected: stays where it is
        ("D2", "E1"): "strangers",
        ("C1", "D1"): "strangers",  # rejected: two persons
        ("F2", "F1"): "neither",  # not F's, and whose is not known
        ("F2", "E1"): "neither",
    }
    assert {pair: _relation(records, *pair) for pair in wanted} == wanted


def test_a_later_decision_counts(archive: Archive, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    for decision, relation in (("confirmed", "same"), ("rejected", "strangers"), ("confirmed", "same")):
        file.write_text(f"decision,kind,patient_ids\n{decision},two_ids,A|B\n")
        take_decisions(archive, file)
        known = lessons(archive)
        assert _relation(read_records(archive, [], known.same, known.reassigned), "A1", "B1") == relation


@pytest.mark.parametrize("seed", range(8))
def test_who_is_or_may_be_one_person_is_on_one_side(archive: Archive, seed: int) -> None:
    same, reassigned = (("A", "B"), ("B", "C")), {"D1": "E", "F2": None}
    records = read_records(archive, [("G", "H")], same, reassigned)
    split = split_records(records, [("G", "H"), *same], reassigned, validation=0.3, test=0.3, seed=seed)
    side = {uid: name for name in ("train", "validation", "test") for uid in getattr(split, name)}
    assert set(side) == {image.image_uid for image in records.images}
    for group in ("A1 A2 A3 B1 B2 C1 C2", "D1 E1 E2", "G1 G2 H1 H2"):
        assert len({side[uid] for uid in group.split()}) == 1, group
    everywhere = {
        tuple(split_records(records, [], reassigned, validation=0.3, test=0.3, seed=n).test) for n in range(8)
    }
    assert len(everywhere) > 1


def test_what_a_measurement_counts(archive: Archive) -> None:
    """Possibly-same persons and a patient's other kinds are pairs that count neither way."""
    records = read_records(archive, [("G", "H")])
    rows = np.arange(len(records.images))
    images = IdentityImages(
        np.zeros((len(rows), 1, 1), np.uint8), records.persons, records.families, records.kinds, rows, rows
    )
    data = images.as_set(np.eye(len(rows), dtype=np.float32), rows)
    place = {image.image_uid: row for row, image in enumerate(records.images)}

    def persons(*uids: str) -> tuple[int, ...]:
        return tuple(sorted(int(records.persons[place[uid]]) for uid in uids))

    assert set(data.possibly_same) == {persons("G1", "H1"), persons("A1", "A3")}


def test_decisions_survive_as_lines_that_can_be_read(archive: Archive, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(DECISIONS)
    take_decisions(archive, file)
    lines = (archive.path / "decisions.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["decision"] for line in lines] == [
        "confirmed", "rejected", "unsure", "confirmed", "rejected", "confirmed",
    ]  # fmt: skip
