"""The fitted witnesses with their fusion: made on the archive, saved with it, asked case by case or all at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from caseindex.errors import TrainingError
from caseindex.index.archive import Archive
from caseindex.records import Int64Array
from caseindex.retrieval.verify.claims import UNTOLD
from caseindex.retrieval.verify.classifiers import ClassSpace
from caseindex.retrieval.verify.evidence import Evidence
from caseindex.retrieval.verify.expectation import fit_expectation
from caseindex.retrieval.verify.filed import Filed, unit
from caseindex.retrieval.verify.fusion import STATEMENT_NUMBERS, Fusion, StatementCurve, fit_fusion, fit_statement_curve
from caseindex.retrieval.verify.logistic import Floats
from caseindex.retrieval.verify.neighbours import Gallery
from caseindex.retrieval.verify.pair_space import PairSpace
from caseindex.retrieval.verify.panel import LEAST, OnProgress, Panel, read_panel
from caseindex.retrieval.verify.planted_cases import Trial, make_trials
from caseindex.retrieval.verify.rest import fit_rest, spoken_of
from caseindex.retrieval.verify.targets import chosen_targets, net_side
from caseindex.retrieval.verify.thresholds import Points, usual_points
from caseindex.retrieval.verify.witnesses import Others, Witnesses

MOST_TRIALS = 900  # reports that errors are planted into
_ENOUGH_FRESH = 60  # patients from which the line is drawn by those alone whom no model was trained on


@dataclass(frozen=True, slots=True)
class Extra:
    """Witnesses that need other models, and what these say of a panel's images."""

    pair: PairSpace | None
    classes: ClassSpace | None
    others: Others


@dataclass(frozen=True)
class Verifier:
    """``right``: [n] agreements of right reports of left-out patients, ``right_patients`` whose; ``wrong``: of planted
    errors, of ``wrong_kinds`` (places in the fusion's kinds); ``reports``: how many it learned from; ``familiar``: [n]
    similarity of the nearest image of another patient, of the right ones."""

    witnesses: Witnesses
    fusion: Fusion
    statements: StatementCurve
    right: Floats
    right_patients: tuple[str, ...]
    wrong: Floats
    wrong_kinds: Int64Array
    reports: int
    familiar: Floats

    def agreements(self, evidences: Sequence[Evidence], filed: Sequence[Filed]) -> tuple[Floats, Floats]:
        """([n] calibrated agreement, [n, kinds] what kind of error)."""
        rows = np.array([one.row() for one in evidences])
        folds = np.array([one.fold for one in filed], np.int64)
        return self.fusion.agreement(rows, folds), self.fusion.kinds(rows, folds)

    def points(self) -> Points:
        """Best F1, Youden's index, sensitivity of 0.95; the kinds of error alike."""
        counts = np.bincount(self.wrong_kinds, minlength=8).astype(float)
        return usual_points(self.right, self.wrong, 1 / np.maximum(counts, 1)[self.wrong_kinds])


def fit_verifier(
    archive: Archive,
    fingerprint: str,
    *,
    halves: bool,
    extra: Callable[[Panel], Extra] | None = None,
    left_out: Collection[str] = frozenset(),
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Verifier:
    """Learns on all patients of the archive but those ``left_out``, with the embeddings of ``fingerprint``.

    ``extra``: gives the witnesses that need other models. Raises :class:`~caseindex.errors.TrainingError` for too small an archive.
    """
    panel = read_panel(archive, fingerprint, left_out=left_out, on_progress=on_progress)
    people = len(set(panel.patients))
    targets = chosen_targets(panel.claims, panel.patients)
    if people < LEAST or not targets.findings:
        raise TrainingError(
            "verify",
            f"{people} patients with embedded images and reports, at least {LEAST} who share findings are needed",
            "Ingest more reported studies",
        )
    expectation = fit_expectation(panel, targets, halves=halves, seed=seed)
    inputs = expectation.centring(panel.vectors)
    gallery = Gallery(
        np.stack([unit(row) for row in inputs]).astype(np.float16),
        targets.rows(panel.claims),
        np.array([net_side(one) for one in panel.claims], np.float32),
        np.array(panel.patients, dtype=object),
        np.array([one.report.study_uid for one in panel.filed], dtype=object),
        np.array([one.report.report_uid for one in panel.filed], dtype=object),
    )
    more = extra(panel) if extra is not None else Extra(None, None, Others())
    asserted = gallery.rows[:, : len(targets.findings)]
    rest = fit_rest(asserted, spoken_of(panel.claims, targets), panel.folds, targets)
    return _fused(Witnesses(expectation, gallery, rest, more.pair, more.classes), panel, more.others, seed, on_progress)


def _fused(
    witnesses: Witnesses,
    panel: Panel,
    others: Others,
    seed: int,
    on_progress: OnProgress | None,
) -> Verifier:
    order = np.random.default_rng(seed).permutation(len(panel))[:MOST_TRIALS]
    learned = _learned(witnesses)
    if learned:  # whom the other models have not seen first: only they tell what these are worth
        fresh = [i for i in range(len(panel)) if panel.filed[i].report.study_uid not in learned]
        order = np.array([*fresh, *(i for i in order if i not in set(fresh))])[:MOST_TRIALS]
    trials = make_trials(panel, sorted(int(i) for i in order), seed=seed, on_progress=on_progress)
    found = judge_trials(witnesses, panel, trials, others)
    rows = np.array([one.row() for one in found])
    kinds = np.array([one.place for one in trials], np.int64)
    folds = panel.folds[[one.row for one in trials]]
    fusion = fit_fusion(rows, kinds, folds)
    agreement = fusion.agreement(rows, folds)
    right = kinds == 0
    fresh = right & np.array([panel.filed[one.row].report.study_uid not in learned for one in trials])
    if len({panel.patients[one.row] for one, new in zip(trials, fresh, strict=True) if new}) >= _ENOUGH_FRESH:
        right = fresh  # tomorrow's reports are like these: no model was trained on them, every witness speaks
    own = [one.row for one, chosen in zip(trials, right, strict=True) if chosen]
    near = witnesses.near([panel.filed[row] for row in own], panel.vectors[own])
    return Verifier(
        witnesses=witnesses,
        fusion=fusion,
        statements=_statement_curve(trials, found),
        right=agreement[right],
        right_patients=tuple(panel.patients[row] for row in own),
        wrong=agreement[kinds != 0],
        wrong_kinds=kinds[kinds != 0],
        reports=len(panel),
        familiar=near.similarity[:, 0].astype(np.float64),
    )


def _learned(witnesses: Witnesses) -> frozenset[str]:
    parts = (witnesses.pair, witnesses.classes)
    return frozenset().union(*(part.trained_on for part in parts if part is not None))


def judge_trials(witnesses: Witnesses, panel: Panel, trials: Sequence[Trial], others: Others) -> list[Evidence]:
    """The evidence of each trial: the image of its row beside its text."""
    filed = [as_filed(panel, trial) for trial in trials]
    rows = [trial.row for trial in trials]
    return witnesses.evidences(filed, [trial.claims for trial in trials], panel.vectors[rows], others.rows(rows))[0]


def as_filed(panel: Panel, trial: Trial) -> Filed:
    own = panel.filed[trial.row]
    return Filed(replace(own.report, text=trial.text, language=trial.language), own.images)


def _statement_curve(trials: Sequence[Trial], found: Sequence[Evidence]) -> StatementCurve:
    """Right: the statements of true reports. Wrong: those that an error was planted into."""
    numbers: list[list[float]] = []
    right: list[bool] = []
    for trial, one in zip(trials, found, strict=True):
        for told in one.told:
            planted_here = told.concept in trial.findings and trial.kind in ("side", "inserted", "negated")
            if (trial.kind == "fits" or planted_here) and told.concept not in UNTOLD:
                numbers.append(told.numbers())
                right.append(trial.kind == "fits")
    if not numbers:
        return StatementCurve(np.zeros(1 + 2 * STATEMENT_NUMBERS), np.zeros(101))
    return fit_statement_curve(np.array(numbers), np.array(right))
