"""`bench verify`: errors planted into true reports of patients that nothing was learned from, and how many are found."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from caseindex.errors import UsageError
from caseindex.evaluation.report_errors import Trials, auroc, false_alarms, of_kind, pool_recall
from caseindex.index.archive import Archive
from caseindex.records import Float32Array
from caseindex.retrieval.verify.evidence import NUMBERS, WITNESSES, Evidence
from caseindex.retrieval.verify.expectation import standardised
from caseindex.retrieval.verify.filed import filed_reports
from caseindex.retrieval.verify.logistic import Floats
from caseindex.retrieval.verify.opened import Opened, learned_studies, open_verifier, others_of
from caseindex.retrieval.verify.panel import OnProgress, Panel, read_panel
from caseindex.retrieval.verify.planted_cases import PLANTED, Trial, make_trials
from caseindex.retrieval.verify.thresholds import by_false_alarms
from caseindex.retrieval.verify.verifier import as_filed, judge_trials
from caseindex.retrieval.verify.witnesses import Others

RATES: Final = (0.05, 0.1)
LINES: Final = (0.02, *RATES, 0.2)  # rates of false alarms that are asked for
POOLS: Final = (100, 1000)
_RECORD: Final = ("sex", "age", "organs", "modality", "body_part")  # numbers that need no image
_TOGETHER: Final = ("rest_said", "rest_denied")
_TESTED = 0.3  # share of the patients
_SHOWN = 100  # cases in the picture of the similarity matrix


@dataclass(frozen=True)
class Benchmark:
    """``document``: the figures; ``matrix``: [n, n] similarities of up to 100 tested cases, images in rows. ``trials`` with
    the agreement of each, and the ``lines`` by rate, to join several tests."""

    document: dict[str, Any]
    matrix: Float32Array
    trials: Trials
    lines: dict[float, float]


def tested_patients(archive: Archive, learned: frozenset[str]) -> frozenset[str]:
    """Three tenths of the patients, by a hash of their names. Where models were trained here, on the studies ``learned``:
    half of those that none of them has seen."""
    with archive.store.read() as reader:
        found = {(one.patient, one.report.study_uid) for one in filed_reports(reader)}
    if learned:
        seen = {patient for patient, study in found if study in learned}
        return frozenset(name for name in {patient for patient, _ in found} - seen if _place(name) < 0.5)
    return frozenset(name for name, _ in found if _place(name) < _TESTED)


def _place(patient: str) -> float:
    """0..1 by a hash of the name, another than the folds use."""
    digest = hashlib.sha256(f"bench verify\0{patient}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def bench_verify(
    archive: Archive,
    model: str | None = None,
    *,
    hold_out: Collection[str] = (),
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Benchmark:
    """Fits without the tested patients (``hold_out``, or as :func:`tested_patients` chooses) and plants errors into their
    reports. Raises :class:`~caseindex.errors.UsageError` where nobody is left to test on."""
    learned = learned_studies(archive, model)
    with archive.store.read() as reader:
        studies = {(one.patient, one.report.study_uid) for one in filed_reports(reader)}
    present = {patient for patient, _ in studies}
    tested = (frozenset(hold_out) or tested_patients(archive, learned)) & present
    spoiled = {patient for patient, study in studies if study in learned} & tested
    if spoiled:
        raise UsageError(
            "--hold-out",
            f"{len(spoiled)} of these patients were trained on by a model of this archive",
            "Train it with the same list: `caseindex train pair --hold-out FILE`",
        )
    if not tested or tested == present:
        raise UsageError(
            "bench verify", f"{len(tested)} of {len(present)} patients to test on", "Give another --hold-out"
        )
    opened = open_verifier(archive, model, left_out=tested, on_progress=on_progress)
    panel = read_panel(archive, opened.model.fingerprint, only=tested)
    progress = (lambda _, n, total: on_progress("testing", n, total)) if on_progress else None
    trials = make_trials(panel, range(len(panel)), seed=seed + 1, on_progress=progress)
    with archive.store.read() as reader:
        others = others_of(reader, panel.filed, opened.pair, opened.labels)
    found = judge_trials(opened.verifier.witnesses, panel, trials, others)
    filed = [as_filed(panel, trial) for trial in trials]
    agreement, _ = opened.verifier.agreements(found, filed)
    rows = np.array([one.row() for one in found])
    matrices = _matrices(opened, panel, others)
    document = {
        "cases": len(panel),
        "patients": len(tested),
        "learned_from": {"reports": opened.verifier.reports, "patients": len(present) - len(tested)},
        "model": {"name": opened.model.name, "fingerprint": opened.model.fingerprint},
        "pair": {"name": opened.pair.name, "fingerprint": opened.pair.fingerprint} if opened.pair else None,
        "classifiers": [opened.labels.image.fingerprint, opened.labels.text.fingerprint] if opened.labels else None,
        "excluded": "tested patients have no part in fitting, calibration or the neighbours",
        "kinds": _kinds(trials, agreement, panel),
        "image_alone": _image_alone(opened, trials, rows, panel, filed),
        "witnesses": _witnesses(opened, trials, found, rows),
        "false_alarms": _false_alarms(opened, trials, agreement, panel),
        "points": _points(opened),
        "calibration_error": _calibration_error(trials, agreement),
        "statements": _statements(opened, trials, found),
        "retrieval": {name: _retrieval(matrix, panel) for name, matrix in matrices.items()},
    }
    chosen = matrices["pair" if "pair" in matrices else "text_target"]
    first = _by_claims(panel)[:_SHOWN]
    return Benchmark(
        document,
        chosen[np.ix_(first, first)],
        _as_trials(trials, agreement, panel),
        {rate: _line(opened, rate) for rate in LINES},
    )


def _line(opened: Opened, rate: float) -> float:
    return by_false_alarms(opened.verifier.right, opened.verifier.right_patients, rate).value


def _as_trials(trials: list[Trial], scores: Floats, panel: Panel) -> Trials:
    return Trials(
        scores, [one.kind for one in trials], np.array([one.row for one in trials], np.int64), list(panel.patients)
    )


def _kinds(trials: list[Trial], agreement: Floats, panel: Panel) -> dict[str, Any]:
    data = _as_trials(trials, agreement, panel)
    out = {}
    for kind in PLANTED:
        count = sum(one.kind == kind for one in trials)
        if count:
            figures = of_kind(data, kind, RATES)
            out[kind] = {"planted": count, **{name: value.rounded() for name, value in figures.items()}}
    return out


def _image_alone(opened: Opened, trials: list[Trial], rows: Floats, panel: Panel, filed: list[Any]) -> dict[str, Any]:
    """The same when sex, age, organs, modality and body part of the record are not known, nor which findings usually go
    together: what the image alone tells."""
    blind = rows.copy()
    blind[:, [NUMBERS.index(name) for name in _RECORD]] = 0.0
    blind[:, [NUMBERS.index(name) for name in _TOGETHER]] = np.nan
    folds = np.array([one.fold for one in filed], np.int64)
    data = _as_trials(trials, opened.verifier.fusion.agreement(blind, folds), panel)
    return {
        kind: of_kind(data, kind, ())["auroc"].rounded() for kind in PLANTED if any(one.kind == kind for one in trials)
    }


def _witnesses(opened: Opened, trials: list[Trial], found: list[Evidence], rows: Floats) -> dict[str, Any]:
    """AUROC of each witness alone, on the cases where it knows."""
    out: dict[str, Any] = {}
    kinds = np.array([one.kind for one in trials])
    cases = np.array([one.row for one in trials])
    for name in WITNESSES:
        known = np.array([one.known(name) for one in found])
        values = opened.verifier.fusion.of_witness(name, rows)
        figures = {}
        for kind in PLANTED:
            here = known & (kinds == kind)
            own = known & (kinds == "fits") & np.isin(cases, cases[here])
            if here.any() and own.any():
                figures[kind] = round(auroc(values[own], values[here]), 4)
        out[name] = figures or "undecided"
    return out


def _false_alarms(opened: Opened, trials: list[Trial], agreement: Floats, panel: Panel) -> list[dict[str, Any]]:
    data = _as_trials(trials, agreement, panel)
    out = []
    for rate in LINES:
        line = by_false_alarms(opened.verifier.right, opened.verifier.right_patients, rate)
        got = false_alarms(data, line.value) if line.enough else None
        out.append(
            {
                "asked": rate,
                "enough_patients": line.enough,
                "expected": [round(line.low, 4), round(line.high, 4)],
                "got": got.rounded() if got is not None else None,
            }
        )
    return out


def _points(opened: Opened) -> dict[str, Any]:
    points = opened.verifier.points()
    return {
        name: dict(zip(("threshold", "sensitivity", "false_alarms"), map(_four, getattr(points, name)), strict=True))
        for name in ("best_f1", "youden", "sensitivity_95")
    }


def _four(value: float) -> float:
    return round(value, 4)


def _calibration_error(trials: list[Trial], agreement: Floats) -> float:
    """Expected calibration error in tenths, right and wrong at even odds, the kinds of error alike."""
    places = np.array([one.place for one in trials])
    counts = np.bincount(places, minlength=6).astype(float)
    kinds = max(int((counts[1:] > 0).sum()), 1)
    weights = np.where(places == 0, 0.5 / max(counts[0], 1), 0.5 / kinds / np.maximum(counts[places], 1))
    error = 0.0
    bins = np.minimum((agreement * 10).astype(int), 9)
    for number in range(10):
        here = bins == number
        if here.any():
            error += abs(float((weights * (agreement - (places == 0)))[here].sum()))
    return round(error, 4)


def _statements(opened: Opened, trials: list[Trial], found: list[Evidence]) -> dict[str, Any]:
    """AUROC of single statements: planted ones against those of the true reports."""
    values: dict[str, list[float]] = {"fits": [], "side": [], "inserted": [], "negated": []}
    for trial, one in zip(trials, found, strict=True):
        if trial.kind not in values:
            continue
        wanted = [told for told in one.told if trial.kind == "fits" or told.concept in trial.findings]
        got = opened.verifier.statements([told.numbers() for told in wanted])
        values[trial.kind] += [value for value in got.tolist() if math.isfinite(value)]
    right = np.array(values.pop("fits"))
    return {kind: round(auroc(right, np.array(wrong)), 4) for kind, wrong in values.items() if wrong and len(right)}


def _matrices(opened: Opened, panel: Panel, others: Others) -> dict[str, Float32Array]:
    """Cosines of every tested image with every tested report: by the closed form, and in the pair model's space."""
    expectation = opened.verifier.witnesses.expectation
    seen = expectation.seen(panel.vectors, panel.folds).deviations
    told = standardised(expectation.targets.rows(panel.claims), expectation.base)
    out = {"text_target": _unit(seen) @ _unit(told).T}
    if opened.pair is not None and opened.pair.text is not None and others.pair is not None:
        texts = opened.pair.text.encode([one.report.text for one in panel.filed])
        images = np.stack([np.zeros(texts.shape[1], np.float32) if one is None else one for one in others.pair])
        out["pair"] = images @ texts.T
    return out


def _unit(rows: Float32Array) -> Float32Array:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)


def _retrieval(matrix: Float32Array, panel: Panel) -> dict[str, Any]:
    n = len(matrix)
    off = (float(matrix.sum()) - float(np.trace(matrix))) / max(n * (n - 1), 1)
    texts = [one.report.text for one in panel.filed]
    return {
        "mean_diagonal": round(float(np.trace(matrix)) / n, 4),
        "mean_elsewhere": round(off, 4),
        "pools": [pool_recall(matrix, texts, panel.patients, pool) for pool in POOLS],
    }


def _by_claims(panel: Panel) -> list[int]:
    """Rows with like claims next to each other."""
    return sorted(range(len(panel)), key=lambda row: (sorted(panel.claims[row].present), panel.patients[row]))
