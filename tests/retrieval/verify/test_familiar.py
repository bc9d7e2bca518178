"""The rate of false alarms on an archive that was not fitted on: kept on one like it; where it cannot be, that is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from caseindex.cli.verify import _say_unlike
from caseindex.retrieval.verify.claims import claims_of
from caseindex.retrieval.verify.familiar import familiarity, shift
from caseindex.retrieval.verify.filed import Filed, filed_reports
from caseindex.retrieval.verify.opened import Opened
from caseindex.retrieval.verify.targets import Targets
from caseindex.retrieval.verify.thresholds import Line
from caseindex.retrieval.verify.verdict import Ruling, Verdict, as_document, verdicts
from caseindex.retrieval.verify.verify import lines, shifted, verify_all
from tests.retrieval.verify.cases import FINDINGS, report, vector

RATE = 0.1
FLAGGED = (Ruling.DOUBTFUL, Ruling.CONTRADICTS)


def of_another_archive(opened: Opened, seed: int, normal: float = 0.2, odd: float = 0.0) -> list[Verdict]:
    """Right reports of 200 new patients, judged by what was fitted on the first archive. ``normal``: share of them; ``odd``:
    how much of each embedding is a direction that it has never seen."""
    rng = np.random.default_rng(seed)
    with opened.archive.store.read() as reader:
        pattern = next(iter(filed_reports(reader)))
    filed, vectors = [], []
    strange = np.zeros(2048, np.float32)
    strange[1000:1100] = 0.1
    for number in range(200):
        finding = None if rng.random() < normal else list(FINDINGS)[int(rng.integers(3))]
        side = None if finding in (None, "cardiomegaly") else ("left", "right")[int(rng.integers(2))]
        made = (1 - odd) * vector(finding, side, rng) + odd * strange
        vectors.append(made / np.linalg.norm(made))
        own = replace(pattern.report, text=report(finding, side), patient_id=f"n{number}", report_uid=f"n{number}")
        images = tuple(replace(image, patient_id=f"n{number}") for image in pattern.images)
        filed.append(Filed(replace(own, study_uid=f"n{number}"), images))
    claims = [claims_of(one.report.text, one.report.language) for one in filed]
    found = opened.verifier.witnesses.evidences(filed, claims, np.stack(vectors))
    drawn = lines(opened, RATE)
    return verdicts(opened.verifier, filed, claims, found, drawn.threshold, drawn.strict)


def rate(found: list[Verdict]) -> float:
    return sum(one.ruling in FLAGGED for one in found) / len(found)


def test_the_rate_is_kept_on_another_archive_of_the_same_kind(opened: Opened) -> None:
    rates = [rate(of_another_archive(opened, seed)) for seed in (1, 2, 3)]
    drawn = lines(opened, RATE).threshold
    assert drawn.low - 0.05 < np.mean(rates) < drawn.high + 0.05


def test_nothing_is_said_of_one_like_it(opened: Opened, capsys: pytest.CaptureFixture[str]) -> None:
    _say_unlike(opened, verify_all(opened, RATE), True)
    assert "not promised" not in capsys.readouterr().err


def test_unlike_images_are_undecided_and_the_command_says_so(
    opened: Opened, capsys: pytest.CaptureFixture[str]
) -> None:
    # Normal images of this archive are noise, as far from each other as from anything: as if it had none of them.
    dense = opened.verifier.familiar[opened.verifier.familiar > 0.5]
    opened = replace(opened, verifier=replace(opened.verifier, familiar=dense))
    assert not any(one.unlike for one in of_another_archive(opened, 1, normal=0.0))
    found = of_another_archive(opened, 1, normal=0.0, odd=0.8)
    assert all(one.unlike for one in found)
    assert all(one.ruling is Ruling.UNDECIDED for one in found)
    assert as_document(found[0])["unlike_archive"] is True
    _say_unlike(opened, found, True)
    said = capsys.readouterr().err
    assert "200 of 200 images are unlike" in said
    assert "the rate of false alarms is not promised" in said


def test_another_mix_of_findings_is_named(opened: Opened) -> None:
    differs = shifted(opened, of_another_archive(opened, 1, normal=0.0))
    assert not shifted(opened, of_another_archive(opened, 1))
    assert not differs.images_differ
    name, here, there = max(differs.findings, key=lambda one: one[2] - one[1])
    assert name == "normal"
    assert here == 0.0 < 0.15 < there


def test_familiarity_by_counting() -> None:
    got = familiarity(np.array([0.05, 0.3, 0.95], np.float32), np.array([0.1, 0.2, 0.3, 0.4], np.float64))
    assert got.tolist() == [1 / 5, 4 / 5, 1.0]


def test_halves_of_one_archive_are_seldom_called_different() -> None:
    rng = np.random.default_rng(0)
    targets = Targets(tuple(f"f{n}" for n in range(30)), ())
    base = np.full(30, 0.3, np.float32)
    people = [str(n) for n in range(200)]
    found = [
        bool(
            shift(
                rng.random(200).tolist(), (rng.random((200, 30)) < 0.3).astype(np.float32), people, base, targets, 200
            )
        )
        for _ in range(200)
    ]
    assert sum(found) <= 2


@pytest.mark.parametrize("by", [line for line in Line if line is not Line.FALSE_ALARMS])
def test_the_other_usual_lines_cost_what_they_say(opened: Opened, by: Line) -> None:
    one = opened.verifier
    drawn = lines(opened, RATE, by).threshold
    assert drawn.rate == pytest.approx((one.right < drawn.value).mean(), abs=1e-9)
    assert drawn.low <= drawn.rate <= drawn.high
    flagged = sum(found.ruling in FLAGGED for found in verify_all(opened, by=by))
    assert flagged / len(one.right) == pytest.approx(drawn.rate, abs=0.03)
    if by is Line.SENSITIVITY_95:
        counts = np.bincount(one.wrong_kinds, minlength=8)
        weights = 1 / np.maximum(counts, 1)[one.wrong_kinds]
        assert (weights * (one.wrong < drawn.value)).sum() / weights.sum() >= 0.95
