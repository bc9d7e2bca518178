"""`caseindex score`: sentences list the images that they fit, with a probability where one can be had."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from caseindex.cli.main import main
from caseindex.errors import ModelError, NotInArchive, UsageError
from caseindex.evaluation.label_table import LabelTable
from caseindex.index.archive import Archive
from caseindex.index.filters import Filters
from caseindex.index.trained_on import unseen_studies
from caseindex.records import Image, Report, Study
from caseindex.retrieval.zero_shot.calibrated import platt
from caseindex.retrieval.zero_shot.triage import triage
from caseindex.train.text_target import train_text_target
from caseindex.train.text_target_settings import TextTargetSettings
from tests.train.drawn_archive import make_archive

PATIENTS = 90
UNREPORTED = {f"study-{n:03d}" for n in range(PATIENTS, PATIENTS + 9)}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Nine more images of the same kinds come without a report."""
    made = make_archive(tmp_path_factory.mktemp("score") / "archive", PATIENTS)
    with made.store.read() as reader:
        images = {image.image_uid: image for image in reader.images()}
    more = [
        replace(images[f"i{n % 9}"], image_uid=f"i{n}", study_uid=f"study-{n:03d}", patient_id=f"p{n}", modality="CT")
        for n in range(PATIENTS, PATIENTS + 9)
    ]
    made.store.put(images=more, studies=[Study(study_uid=one.study_uid, patient_id=one.patient_id) for one in more])
    settings = TextTargetSettings(
        dim=16, whitened=24, vocabulary=800, batch=16, epochs=3, validation=0.3, test=0.4, seed=1
    )
    train_text_target(made, settings, tensorboard=False)
    yield made
    made.store.close()


def kind(study_uid: str) -> int:
    return int(study_uid[-3:]) % 3


def test_sentences_rank_images_without_a_report(archive: Archive) -> None:
    found = triage(archive, ["ишемический инсульт"], unreported=True)
    assert {case.study_uid for case in found.cases} == UNREPORTED
    assert [kind(case.study_uid) for case in found.cases[:3]] == [0, 0, 0]
    assert found.searched == PATIENTS + 9
    margins = [case.scores[0].margin for case in found.cases]
    assert margins == sorted(margins, reverse=True)


def test_two_sentences_take_the_likelier_one(archive: Archive) -> None:
    found = triage(archive, ["ischemic stroke", "subdural hematoma"], k=200)
    first = found.cases[:60]
    assert {kind(case.study_uid) for case in first} == {0, 1}
    assert all(case.best == kind(case.study_uid) for case in first)


def test_the_probability_is_calibrated_on_unseen_patients(archive: Archive) -> None:
    found = triage(archive, ["ischemic stroke"], k=200)
    calibration = found.sentences[0].calibration
    assert calibration is not None
    split = json.loads(next(archive.runs_dir.glob("text-target-*/split.json")).read_text())
    unseen = {*split["validation"], *split["test"]}
    assert calibration.by == "reports"
    assert calibration.positives == sum(kind(study) == 0 for study in unseen)
    assert calibration.positives + calibration.negatives == len(unseen)
    assert calibration.made_on["archive"] == archive.identifier
    for case in found.cases:
        probability = case.scores[0].probability
        assert probability is not None
        assert (probability > 0.5) == (kind(case.study_uid) == 0)


def test_without_enough_that_say_so_it_is_uncalibrated_and_says_why(archive: Archive) -> None:
    no_finding = triage(archive, ["cerebral hemisphere"], k=3)
    assert "nothing that the sentence asks for" in no_finding.sentences[0].why
    rows = {("study_uid", f"study-{n:03d}"): {"stroke": float(n == 0)} for n in range(PATIENTS)}
    few = triage(archive, ["stroke"], labels=LabelTable(rows, ("stroke",), True), k=3)
    assert "at least 10 of each" in few.sentences[0].why
    for found in (no_finding, few):
        assert found.sentences[0].calibration is None
        assert all(case.scores[0].probability is None for case in found.cases)


def test_labels_of_a_table_calibrate_too(archive: Archive) -> None:
    rows = {("study_uid", f"study-{n:03d}"): {"ишемический инсульт": float(n % 3 == 0)} for n in range(PATIENTS)}
    found = triage(archive, ["ischemic stroke"], labels=LabelTable(rows, ("ишемический инсульт",), True))
    assert found.sentences[0].calibration is not None
    assert found.sentences[0].calibration.by == "labels"
    none = triage(archive, ["subdural hematoma"], labels=LabelTable(rows, ("ишемический инсульт",), True))
    assert "uncalibrated" in none.sentences[0].why


def test_a_denial_of_ones_own_and_wrong_use(archive: Archive) -> None:
    own = triage(archive, ["ischemic stroke"], negatives=["subdural hematoma"], k=200)
    assert kind(own.cases[-1].study_uid) == 1
    with pytest.raises(UsageError, match="2 for 1"):
        triage(archive, ["ischemic stroke"], negatives=["a", "b"])
    with pytest.raises(UsageError, match="none of the words"):
        triage(archive, ["xyzzy"])
    with pytest.raises(ModelError, match="one space"):
        triage(archive, ["stroke"], model="imagenet")
    with pytest.raises(NotInArchive):
        triage(archive, ["stroke"], filters=Filters(modality="US"))


def test_filters_and_levels(archive: Archive) -> None:
    found = triage(archive, ["ischemic stroke"], filters=Filters(modality="CT"))
    assert {case.study_uid for case in found.cases} == UNREPORTED
    assert found.searched == 9


def test_files_outside_the_archive_are_scored_as_the_archive_scores_its_own(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / f"new-{number}.png" for number in range(3)]
    for number, file in enumerate(files):
        shutil.copyfile(archive.path / f"{number}.png", file)
    with archive.store.read() as reader:
        before = len(list(reader.images()))
    given = [word for file in files for word in ("--image", str(file))]
    words = ["score", "--archive", str(archive.path), "-t", "ischemic stroke", "--format", "json"]
    with pytest.raises(SystemExit) as end:
        main([*words, *given])
    assert not end.value.code
    document = json.loads(capsys.readouterr().out)
    assert document["searched"] == 3
    cases = {case["file"]: case for case in document["cases"]}
    assert set(cases) == {str(file) for file in files}
    assert document["cases"][0]["file"] == str(files[0])  # the stroke
    assert not any(case["reported"] for case in cases.values())
    own = {case.image_uid: case for case in triage(archive, ["ischemic stroke"], k=200).cases}
    for number, file in enumerate(files):
        score, archived = cases[str(file)]["scores"][0], own[f"i{number}"].scores[0]
        assert score["margin"] == pytest.approx(archived.margin, abs=2e-3)
        assert score["probability"] == pytest.approx(archived.probability, abs=0.02)
    with archive.store.read() as reader:
        assert len(list(reader.images())) == before
    for wrong in (["--image", str(tmp_path / "none.png")], [*given, "--unreported"]):
        with pytest.raises(SystemExit) as end:
            main([*words, *wrong])
        assert end.value.code == 2
        assert "Traceback" not in capsys.readouterr().err


def test_a_model_whose_run_is_not_here_stays_uncalibrated(archive: Archive, tmp_path: Path) -> None:
    from caseindex.encoders.model import load_model

    (tmp_path / "archive.toml").write_text("")
    elsewhere = Archive.open(tmp_path)
    model = load_model(archive.models_dir, "text-target")
    assert unseen_studies(elsewhere, model.fingerprint) is None
    with archive.store.read() as reader:
        image, report = next(iter(reader.images())), next(iter(reader.reports()))
    elsewhere.store.put(
        images=[Image(image_uid="x", study_uid="s", file=image.file, source=image.source)],
        studies=[Study(study_uid="s")],
        reports=[Report(report_uid="r", study_uid="s", text=report.text, file="t")],
    )
    found = triage(elsewhere, ["stroke"], model=str(archive.models_dir / "text-target"))
    elsewhere.store.close()
    assert "not known here" in found.sentences[0].why


def test_platt_recovers_a_logistic_curve() -> None:
    generator = np.random.default_rng(0)
    margin = generator.normal(0.1, 0.3, 20_000).astype(np.float32)
    has = generator.random(20_000) < 1 / (1 + np.exp(-(5 * margin - 1)))
    slope, offset = platt(margin, has)
    assert slope == pytest.approx(5, rel=0.05)
    assert offset == pytest.approx(-1, abs=0.06)
    apart, _ = platt(np.array([0.1] * 20 + [0.9] * 20, np.float32), np.arange(40) >= 20)
    assert 0 < apart < 100


def test_the_command_writes_json_and_csv(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["score", "--archive", str(archive.path), "-t", "ischemic stroke", "-t", "cerebral hemisphere", "-k", "2"]
    for how in ("json", "csv"):
        with pytest.raises(SystemExit) as end:
            main([*words, "--format", how])
        assert not end.value.code
        printed = capsys.readouterr()
        assert "cerebral hemisphere: uncalibrated" in printed.err
        if how == "json":
            document = json.loads(printed.out)
            assert [case["rank"] for case in document["cases"]] == [1, 2]
            assert document["sentences"][0]["calibrated"]
            assert document["cases"][0]["scores"][1]["probability"] is None
        else:
            rows = list(csv.DictReader(io.StringIO(printed.out)))
            assert rows[0]["text"] == "ischemic stroke"
