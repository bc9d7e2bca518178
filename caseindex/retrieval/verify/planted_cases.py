"""True cases and the same cases with one error planted: what fusion and calibration learn from, and what is measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from caseindex.records import Language
from caseindex.reports.planting import TextError, planted
from caseindex.retrieval.verify.claims import Claims, claims_of
from caseindex.retrieval.verify.fusion import KINDS
from caseindex.retrieval.verify.panel import OnProgress, Panel

#: What is measured: the fusion's kinds, another patient's report of the same kind of image beside any other's.
PLANTED: Final = ("swapped", "swapped_same_kind", "side", "inserted", "omitted", "negated")


@dataclass(frozen=True, slots=True)
class Trial:
    """``row``: of the panel, whose image is shown; ``text`` and ``claims`` of the report beside it. ``kind``: "fits" or one
    of :data:`PLANTED`; ``findings``: what the planted error is about."""

    row: int
    kind: str
    text: str
    language: Language | None
    claims: Claims
    findings: frozenset[str] = frozenset()

    @property
    def place(self) -> int:
        """In :data:`~caseindex.retrieval.verify.fusion.KINDS`."""
        return KINDS.index("swapped" if self.kind.startswith("swapped") else self.kind)


def make_trials(
    panel: Panel,
    rows: Sequence[int],
    *,
    seed: int = 0,
    kinds: Sequence[str] = PLANTED,
    on_progress: OnProgress | None = None,
) -> list[Trial]:
    """For each of ``rows`` the true report and one of each kind of error that its text offers a place for. The same panel
    and seed give the same trials."""
    findings = _frequencies(panel)
    trials: list[Trial] = []
    for row in rows:
        report, claims = panel.filed[row].report, panel.claims[row]
        rng = np.random.default_rng((seed, int.from_bytes(report.report_uid.encode()[-8:], "big")))
        trials.append(Trial(row, "fits", report.text, report.language, claims))
        for kind in kinds:
            made = _swapped(panel, row, kind, rng) if kind.startswith("swapped") else None
            if made is None and not kind.startswith("swapped"):
                error = planted(
                    report.text,
                    TextError(kind),
                    rng,
                    language=report.language,
                    known=claims.statements,
                    findings=findings,
                )
                if error is not None:
                    read = claims_of(error.text, report.language)
                    made = Trial(row, kind, error.text, report.language, read, frozenset(error.findings))
            if made is not None:
                trials.append(made)
        if on_progress is not None:
            on_progress("planting errors", 1, len(rows))
    return trials


def _swapped(panel: Panel, row: int, kind: str, rng: np.random.Generator) -> Trial | None:
    """The report of another patient, drawn; of the same kind of image where that is asked for."""
    own = panel.filed[row].report.text
    possible = [
        other
        for other in range(len(panel))
        if panel.patients[other] != panel.patients[row]
        and (kind == "swapped" or panel.kinds[other] == panel.kinds[row])
        and panel.filed[other].report.text != own
    ]
    if not possible:
        return None
    other = possible[int(rng.integers(len(possible)))]
    report = panel.filed[other].report
    return Trial(row, kind, report.text, report.language, panel.claims[other])


def _frequencies(panel: Panel) -> dict[str, float]:
    """Asserted findings of the archive, by the number of reports."""
    counts: Counter[str] = Counter()
    for one in panel.claims:
        counts.update({told.finding for told in one.statements if told.finding in one.present})
    return {name: float(count) for name, count in counts.items() if count >= 2}
