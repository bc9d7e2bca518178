"""The sets of labels by name."""

from __future__ import annotations

from typing import Final

from caseindex.errors import UsageError
from caseindex.reports.labels.brain_ct import BRAIN_CT
from caseindex.reports.labels.chexpert import CHEXPERT
from caseindex.reports.labels.ct_rate import CT_RATE
from caseindex.reports.labels.label_set import LabelSet
from caseindex.reports.labels.mosmed import MOSMED

LABEL_SETS: Final[dict[str, LabelSet]] = {made.name: made for made in (BRAIN_CT, CHEXPERT, CT_RATE, MOSMED)}


def label_set(name: str) -> LabelSet:
    """Raises :class:`~caseindex.errors.UsageError` for a name that is not in the catalogue."""
    try:
        return LABEL_SETS[name]
    except KeyError:
        raise UsageError(name, "no such set of labels", "Known: " + ", ".join(LABEL_SETS)) from None
