"""Verification from the archive to the verdict, on an archive whose right answers are known."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from caseindex.cli.main import main
from caseindex.errors import NotInArchive, TrainingError
from caseindex.index.archive import Archive
from caseindex.records import Image, Language, Report, Side
from caseindex.retrieval.verify.claims import claims_of
from caseindex.retrieval.verify.filed import Filed, filed_reports, fold_of
from caseindex.retrieval.verify.opened import Opened, open_verifier
from caseindex.retrieval.verify.page.render import page_of
from caseindex.retrieval.verify.stored import load_verifier
from caseindex.retrieval.verify.verdict import Ruling, Verdict, as_document, verdicts
from caseindex.retrieval.verify.verify import lines, verify_all, verify_study
from tests.retrieval.verify.cases import PATIENTS, report

RATE = 0.1


def judged(opened: Opened, study: str, text: str) -> Verdict:
    """The verdict on another text about a study of the archive."""
    with opened.archive.store.read() as reader:
        (own,) = filed_reports(reader, study_uid=study)
        (vector,) = opened.vectors(reader, [own])[0]
    asked = Filed(replace(own.report, text=text), own.images)
    claims = claims_of(text, own.report.language)
    assert vector is not None
    found = opened.verifier.witnesses.evidences([asked], [claims], vector[None])
    drawn = lines(opened, RATE)
    return verdicts(opened.verifier, [asked], [claims], found, drawn.threshold, drawn.strict)[0]


def test_a_true_report_fits_and_another_cases_does_not(opened: Opened) -> None:
    (true,) = verify_study(opened, "s005", RATE)  # a right effusion
    wrong = judged(opened, "s005", report("cardiomegaly", None))
    assert true.ruling is Ruling.FITS
    assert wrong.ruling in (Ruling.DOUBTFUL, Ruling.CONTRADICTS)
    assert wrong.agreement < 0.2 < 0.5 < true.agreement
    assert "cardiomegaly" in {one.statement.finding for one in wrong.statements if one.ruling is Ruling.DOUBTFUL}
    assert "pleural_effusion" in {one.concept for one in wrong.missing}


def test_the_exchanged_side_is_the_doubtful_statement_and_the_probable_error(opened: Opened) -> None:
    wrong = judged(opened, "s005", report("pleural_effusion", "left"))
    assert wrong.ruling is not Ruling.FITS
    assert max(wrong.errors, key=lambda name: wrong.errors[name]) == "side"
    doubtful = [one for one in wrong.statements if one.ruling is Ruling.DOUBTFUL]
    assert {one.statement.side for one in doubtful} == {Side.LEFT}
    assert all(one.why[0] == "side" for one in doubtful)


def test_an_omitted_finding_is_listed_as_missing(opened: Opened) -> None:
    wrong = judged(opened, "s005", "FINDINGS: No pneumothorax.")
    assert next(one.concept for one in wrong.missing) == "pleural_effusion"
    assert wrong.missing[0].probability > 0.8 > wrong.missing[0].base


def test_the_record_contradicts_a_report_of_a_man(opened: Opened) -> None:
    text = report("pleural_effusion", "right")
    other = judged(opened, "s005", f"HISTORY: 50 year-old male.\n{text}")
    sex = next(one for one in other.evidence.checks if one.check.value == "sex")
    assert (sex.outcome.value, sex.told, sex.recorded) == ("contradicts", "M", "F")


def test_words_that_claim_nothing_are_undecided(opened: Opened) -> None:
    nothing = judged(opened, "s005", "Lorem ipsum dolor sit amet.")
    assert nothing.ruling is Ruling.UNDECIDED
    assert math.isnan(nothing.agreement)
    assert as_document(nothing)["agreement"] is None
    assert as_document(nothing)["methods"]["statements"]["verdict"] == "undecided"


def test_nobodys_own_report_is_among_his_neighbours(opened: Opened) -> None:
    for verdict in verify_all(opened, RATE)[:30]:
        assert verdict.filed.patient not in {one.patient_id for one in verdict.nearest}


def test_the_worklist_begins_with_the_report_that_was_filed_wrongly(opened: Opened) -> None:
    found = verify_all(opened, RATE)
    assert len(found) == PATIENTS
    assert found[0].filed.report.report_uid == "r002"
    values = [one.agreement for one in found]
    assert values == sorted(values)
    flagged = sum(one.ruling in (Ruling.DOUBTFUL, Ruling.CONTRADICTS) for one in found)
    assert flagged <= math.ceil((RATE + 0.02) * PATIENTS)


def test_the_same_questions_after_reading_it_back(opened: Opened, archive: Archive) -> None:
    again = open_verifier(archive)
    assert again.fingerprint == opened.fingerprint
    first, second = verify_study(opened, "s007", RATE)[0], verify_study(again, "s007", RATE)[0]
    assert as_document(first) == as_document(second)


def test_a_damaged_verifier_is_not_read(archive: Archive, opened: Opened) -> None:
    folder = next((archive.indexes_dir / "verify").iterdir())
    file = folder / "verifier.safetensors"
    content = file.read_bytes()
    try:
        file.write_bytes(content[:-8] + bytes(8 * [7]))
        assert load_verifier(archive, folder.name) is None
    finally:
        file.write_bytes(content)
    assert load_verifier(archive, folder.name) is not None


def test_what_is_expected_of_a_patient_is_learned_without_him(opened: Opened, archive: Archive) -> None:
    """With him in the archive or left out, his image makes one expect the same."""
    without = open_verifier(archive, left_out={"p010"})
    with archive.store.read() as reader:
        (own,) = filed_reports(reader, study_uid="s010")
        (vector,) = opened.vectors(reader, [own])[0]
    assert vector is not None
    fold = np.array([fold_of("p010")])
    with_him, without_him = (one.verifier.witnesses.expectation.seen(vector[None], fold) for one in (opened, without))
    assert np.allclose(with_him.deviations, without_him.deviations, atol=0.03)
    assert "p010" not in set(without.verifier.witnesses.gallery.patients)


def test_an_unknown_study_says_so(opened: Opened) -> None:
    with pytest.raises(NotInArchive, match="nowhere"):
        verify_study(opened, "nowhere")


def test_a_small_archive_says_how_many_patients_it_needs(archive: Archive) -> None:
    with archive.store.read() as reader:
        others = {image.patient_id for image in reader.images() if image.patient_id} - {f"p{n:03d}" for n in range(12)}
    with pytest.raises(TrainingError, match="12 patients"):
        open_verifier(archive, left_out=others)


def test_the_page_escapes_the_report_and_needs_no_network(opened: Opened) -> None:
    verdict = judged(opened, "s005", "FINDINGS: <script>alert(1)</script> Left pleural effusion.")
    page = page_of(opened, [verdict])
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert '<span class="doubtful">' in page
    assert "http://" not in page
    assert "https://" not in page
    assert "Соответствует" in page_of(opened, [verdict], language=Language.RUSSIAN)


def test_the_command_prints_the_documented_shape(
    archive: Archive, opened: Opened, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["verify", "--archive", str(archive.path), "--study", "s002", "--format", "json"])
    assert ended.value.code == 0
    document = json.loads(capsys.readouterr().out)
    assert {"study_uid", "file", "agreement", "verdict", "threshold", "methods", "statements", "nearest"} <= set(
        document
    )
    assert set(document["methods"]) == {"similarity", "classifiers", "statements", "neighbours", "consistency"}
    assert document["methods"]["classifiers"]["agreement"] is None
    assert {"text", "finding", "polarity", "side", "agreement"} <= set(document["statements"][0])
    assert document["verdict"] in ("doubtful", "contradicts")


def test_the_command_draws_another_line(archive: Archive, opened: Opened, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["verify", "--archive", str(archive.path), "--study", "s002", "--line", "youden", "--format", "json"])
    assert ended.value.code == 0
    document = json.loads(capsys.readouterr().out)
    assert document["threshold"] == pytest.approx(opened.verifier.points().youden[0], abs=1e-4)
    assert document["false_alarms"]["asked"] == opened.verifier.points().youden[2]


@pytest.mark.parametrize("arguments", [[], ["--all", "--study", "s002"], ["--image", "a.png"]])
def test_an_unclear_question_is_wrong_usage(
    archive: Archive, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["verify", "--archive", str(archive.path), *arguments])
    assert ended.value.code == 2
    assert "caseindex: error:" in capsys.readouterr().err


def test_a_report_without_a_patient_counts_as_a_patient_of_its_own() -> None:
    image = Image(image_uid="i", study_uid="s", file="f", source="f")
    one = Filed(Report(report_uid="r", study_uid="s", text="t", file="f"), (image,))
    assert one.patient == "s"
    assert one.fold == fold_of("s")
