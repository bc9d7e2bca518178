"""The question's words against the reports: concepts and terms."""

from __future__ import annotations

import numpy as np

from caseindex.index.filters import allowed_ids
from caseindex.records import ItemKind
from caseindex.retrieval.under_way import UnderWay
from caseindex.retrieval.words import score_reports


def by_words(search: UnderWay) -> bool:
    """Adds what the reports answer; whether they hold anything of the questions at all."""
    index, reader = search.word_index(), search.reader
    allowed = allowed_ids(search.archive, ItemKind.REPORT, search.filters())
    mask = None if allowed is None else index.positions(allowed)
    search.takes_part("words", len(index) if mask is None else int(mask.sum()))
    best = np.zeros(len(index), dtype=np.float32)
    known = False
    for question in search.questions:
        scored = score_reports(index, question, mask)
        best = np.maximum(best, scored.scores)
        known |= scored.known
    for position in np.argsort(-best, kind="stable").tolist():
        # A little beyond k: several reports of one study count once.
        if best[position] <= 0 or len(search.candidates.found) >= search.wanted:
            break
        uid = reader.item_uid(ItemKind.REPORT, int(index.document_ids[position]))
        report = reader.report(uid) if uid else None
        if report is not None:
            search.candidates.add_report("words", report, float(best[position]))
    return known
