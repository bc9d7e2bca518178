"""The reports of an archive as `train language` reads them: distinct texts of each study, and their pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from caseindex.index.archive import Archive
from caseindex.records import Language, Statement
from caseindex.train.said import Said, said
from caseindex.train.text_views import View, ViewMaker


@dataclass(frozen=True, slots=True)
class Reports:
    """``texts_of[i]``: the distinct texts of the study ``studies[i]`` of the patient ``patients[i]``."""

    studies: tuple[str, ...]
    patients: tuple[str | None, ...]
    texts_of: tuple[tuple[str, ...], ...]


def read_reports(archive: Archive) -> Reports:
    """All studies with a report, in the order of their UIDs; images are not needed."""
    studies, patients, texts = [], [], []
    with archive.store.read() as reader:
        for study in reader.studies():
            found = dict.fromkeys(report.text for report in reader.reports(study_uid=study.study_uid))
            kept = tuple(text for text in found if text.strip())
            if kept:
                studies.append(study.study_uid)
                patients.append(study.patient_id)
                texts.append(kept)
    return Reports(tuple(studies), tuple(patients), tuple(texts))


@dataclass(frozen=True, slots=True)
class Piece:
    """A text that the network reads whole, and its sentences."""

    whole: View
    sentences: tuple[View, ...]


@dataclass(frozen=True, slots=True)
class ReadReport:
    """One report. ``pieces``: it, or whole sections or sentences of it where it is longer than the network reads."""

    study: int
    pieces: tuple[Piece, ...]
    statements: tuple[Statement, ...]
    said: Said


def read_views(
    studies: Sequence[tuple[str, ...]], maker: ViewMaker, on_progress: Callable[[int], None]
) -> tuple[list[ReadReport], list[tuple[int, ...]]]:
    """(the reports of all studies, for each study the places of its reports)."""
    from caseindex.reports.statements import statements
    from caseindex.reports.text.pieces import pieces

    reports: list[ReadReport] = []
    of_study = []
    for study, texts in enumerate(studies):
        of_study.append(tuple(range(len(reports), len(reports) + len(texts))))
        for text in texts:
            parts = []
            for start, end in pieces(text, maker.pieces.count, maker.pieces.max_tokens):
                views = maker.report(text[start:end])
                parts.append(Piece(views.whole, views.sentences))
            stated = tuple(one for one in statements(text) if not one.historical)
            reports.append(ReadReport(study, tuple(parts), stated, said(stated)))
        on_progress(1)
    return reports, of_study


def told_view(
    statements: Iterable[Statement], language: Language, maker: ViewMaker, generator: np.random.Generator | None
) -> View | None:
    """The statements in another language as input; ``None`` where the lexicon has no words for any of them."""
    from caseindex.reports.translation import told

    sentences = dict.fromkeys(told([one], language, generator) for one in statements)
    parts = [maker.sentence(sentence) for sentence in sentences if sentence]
    if not parts:
        return None
    if generator is not None:
        parts = [parts[place] for place in generator.permutation(len(parts))]
    return maker.joined(parts)
