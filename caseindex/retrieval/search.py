"""A search: the question goes to its channels, their answers are fused and grouped by case.

Words go to the reports (concepts and terms) and, where the model has a text encoder, to the embeddings of reports and of
images; pictures go to the embeddings of images; a study asks with both. Filters are applied before anything is ranked.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from caseindex.errors import NotInArchive
from caseindex.index.archive import Archive
from caseindex.protocols import RecordReader
from caseindex.records import Hit
from caseindex.retrieval import notes
from caseindex.retrieval.channel_examples import by_examples
from caseindex.retrieval.channel_pictures import by_pictures
from caseindex.retrieval.channel_text_vectors import by_text_vectors
from caseindex.retrieval.channel_words import by_words
from caseindex.retrieval.fusion import Fusion
from caseindex.retrieval.hits import hits_of
from caseindex.retrieval.query import Answer, Channel, Query
from caseindex.retrieval.question import Question, question_of_report, read_question
from caseindex.retrieval.under_way import OnProgress, UnderWay


@dataclass(frozen=True)
class Searcher:
    """Searches one archive. ``model``: a name, instead of `[models] search` of archive.toml. ``embed_missing``: compute
    the embeddings that an image search lacks first. ``on_progress(what, done, total)``."""

    archive: Archive
    model: str | None = None
    fusion: Fusion = Fusion.CONVEX
    embed_missing: bool = True
    on_progress: OnProgress | None = None

    def search(self, query: Query) -> Answer:
        """The answer, with at most ``query.k`` hits; fewer, or none, where fewer fit.

        Raises :class:`~caseindex.errors.NotInArchive` for an unknown study, and what loading the model or opening the
        indexes raises.
        """
        start = time.monotonic()
        with self.archive.store.read() as reader:
            _check_study(reader, query.study_uid)
            search = UnderWay(self.archive, self.model, query, reader, self.embed_missing, self.on_progress)
            ask_channels(search)
            hits = hits_of(search, self.fusion)
        _explain(search, hits)
        return Answer(
            hits=tuple(hits),
            searched=search.searched,
            model_name=search.encoding.name if search.encoding else None,
            model_fingerprint=search.encoding.fingerprint if search.encoding else None,
            notes=tuple(dict.fromkeys(search.notes)),
            understood=tuple(dict.fromkeys(name for question in search.questions for name in question.names())),
            channels=tuple(search.channels),
            seconds=time.monotonic() - start,
        )


def ask_channels(search: UnderWay) -> None:
    """Adds what each channel answers to the candidates; nothing is fused yet."""
    query = search.query
    reports, images = query.channel is not Channel.IMAGE, query.channel is not Channel.REPORT
    if query.text is not None:
        search.questions.append(read_question(query.text))
    elif query.study_uid is not None and reports:
        search.questions += _questions_of_study(search.reader, query.study_uid)
    if reports and search.questions:
        known = by_words(search)
        if query.text is not None and not search.questions[0].units and search.searched:
            search.notes.append(notes.NO_CONCEPT if known else notes.NO_WORDS)
    if images and (query.pictures or query.study_uid is not None):
        by_pictures(search)
    if query.text is not None:
        bridged = images and by_examples(search)
        by_text_vectors(search, bridged)


def _check_study(reader: RecordReader, uid: str | None) -> None:
    if uid is not None and reader.study(uid) is None:
        raise NotInArchive(
            uid, "no study of this UID in the archive", "`caseindex search --format json` and `export` list UIDs"
        )


def _questions_of_study(reader: RecordReader, study_uid: str) -> list[Question]:
    found = [question_of_report(report.text, report.language) for report in reader.reports(study_uid=study_uid)]
    return [question for question in found if question.units]


def _explain(search: UnderWay, hits: list[Hit]) -> None:
    if search.examples and any(hit.matched_by == ("image",) for hit in hits):
        search.notes.append(notes.THROUGH_SIMILAR.format(n=search.examples))
    if not hits and search.searched:
        search.notes.append(notes.NOTHING_SIMILAR)
    elif not hits and not {notes.NO_PAIR_MODEL, notes.UNKNOWN_TO_LEXICON} & set(search.notes):  # they say why
        search.notes.append(notes.NOTHING_SEARCHED)
