"""A search: the question goes to its channels, their answers are fused and grouped by case.

Words go to the reports (concepts and terms) and, where the model has a text encoder, to the embeddings of reports and of
images; pictures go to the embeddings of images; a study asks with both. Filters are applied before anything is ranked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from caseindex.errors import NotInArchive
from caseindex.index.archive import Archive
from caseindex.index.filters import Filters, allowed_ids
from caseindex.protocols import RecordReader
from caseindex.records import Float32Array, Hit, Image, ItemKind, Report, Study
from caseindex.retrieval import notes
from caseindex.retrieval.bridge_cases import degree, through_examples
from caseindex.retrieval.cases import Candidate, Candidates, image_to_show, report_to_show
from caseindex.retrieval.encoding import Encoding, image_vectors, text_vector
from caseindex.retrieval.fusion import Fusion, above_typical, fuse
from caseindex.retrieval.matched import matched_spans, matched_terms
from caseindex.retrieval.nearest import Gallery, open_gallery
from caseindex.retrieval.query import Answer, Channel, Query
from caseindex.retrieval.question import Question, question_of_report, read_question
from caseindex.retrieval.word_index import open_word_index
from caseindex.retrieval.words import score_reports

if TYPE_CHECKING:
    from caseindex.retrieval.word_index import WordIndex

OnProgress = Callable[[str, int, int], None]  # what, done, total

#: channel -> its share of the fused score: the words of reports lead, vectors order what says the same. Set by judgement,
#: not tuned on any archive. Then what a hit names each channel by.
WEIGHTS: Final = {"words": 1.0, "report_vectors": 0.25, "text_to_image": 0.35, "bridge": 0.15, "image": 1.0}
#: Words against images alone: chosen on the tuning questions of `benchmarks/search`, where the bridge leads.
IMAGE_WEIGHTS: Final = {**WEIGHTS, "text_to_image": 0.25, "bridge": 1.0}
SHOWN_AS: Final = {
    "words": "report",
    "report_vectors": "report",
    "text_to_image": "image",
    "bridge": "image",
    "image": "image",
}

_SAME_PICTURE = 0.999  # cosine from which two pictures may be the same file; their pixels' hash decides
_OUTSTANDING = 2.0  # robust standard deviations above the gallery that words need to find an image without a report


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
        return _Run(self, query).answer()


@dataclass
class _Run:
    """One search under way."""

    searcher: Searcher
    query: Query
    notes: list[str] = field(default_factory=list)
    searched: int = 0
    channels: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    encoding: Encoding | None = None
    left_out: set[str] = field(default_factory=set)
    examples: int = 0  # reported cases that the bridge was made of

    def answer(self) -> Answer:
        start = time.monotonic()
        query, archive = self.query, self.searcher.archive
        reports, images = query.channel is not Channel.IMAGE, query.channel is not Channel.REPORT
        with archive.store.read() as reader:
            self._check_study(reader)
            self._own_studies()
            filters = self._filters()
            if query.text is not None:
                self.questions.append(read_question(query.text))
            elif query.study_uid is not None and reports:
                self.questions += _questions_of_study(reader, query.study_uid)
            candidates = Candidates(reader, query.level)
            known = False
            if reports and self.questions:
                known = self._by_words(candidates, reader, filters)
                if query.text is not None and not self.questions[0].units and self.searched:
                    self.notes.append(notes.NO_CONCEPT if known else notes.NO_WORDS)
            if images and (query.pictures or query.study_uid is not None):
                filters = self._by_pictures(candidates, reader, filters)
            if query.text is not None:
                bridged = images and self._by_examples(candidates, filters)
                self._by_text_vectors(candidates, reader, filters, reports, images, bridged)
            hits = self._hits(candidates, reader)
        if self.examples and any(hit.matched_by == ("image",) for hit in hits):
            self.notes.append(notes.THROUGH_SIMILAR.format(n=self.examples))
        if not hits:
            self._explain_nothing(reports)
        understood = tuple(dict.fromkeys(name for question in self.questions for name in question.names()))
        return Answer(
            hits=tuple(hits),
            searched=self.searched,
            model_name=self.encoding.name if self.encoding else None,
            model_fingerprint=self.encoding.fingerprint if self.encoding else None,
            notes=tuple(dict.fromkeys(self.notes)),
            understood=understood,
            channels=tuple(self.channels),
            seconds=time.monotonic() - start,
        )

    # ---- what is left out

    def _check_study(self, reader: RecordReader) -> None:
        uid = self.query.study_uid
        if uid is not None and reader.study(uid) is None:
            raise NotInArchive(
                uid, "no study of this UID in the archive", "`caseindex search --format json` and `export` list UIDs"
            )

    def _own_studies(self) -> None:
        if not self.query.include_own_study:
            self.left_out |= set(self.query.own_study_uids)
            if self.query.study_uid is not None:
                self.left_out.add(self.query.study_uid)

    def _filters(self) -> Filters:
        filters = self.query.filters
        if not self.left_out:
            return filters
        return replace(filters, exclude_study_uids=tuple({*(filters.exclude_study_uids or ()), *self.left_out}))

    # ---- channels

    def _by_words(self, candidates: Candidates, reader: RecordReader, filters: Filters) -> bool:
        index = self._word_index()
        allowed = allowed_ids(self.searcher.archive, ItemKind.REPORT, filters)
        mask = None if allowed is None else index.positions(allowed)
        self.searched = max(self.searched, len(index) if mask is None else int(mask.sum()))
        self.channels.append("words")
        best = np.zeros(len(index), dtype=np.float32)
        known = False
        for question in self.questions:
            scored = score_reports(index, question, mask)
            best = np.maximum(best, scored.scores)
            known |= scored.known
        # A little beyond k: several reports of one study count once.
        order = np.argsort(-best, kind="stable")
        cases = 0
        for position in order.tolist():
            if best[position] <= 0 or (cases >= 4 * self.query.k and cases >= 50):
                break
            uid = reader.item_uid(ItemKind.REPORT, int(index.document_ids[position]))
            report = reader.report(uid) if uid else None
            if report is not None:
                candidates.add_report("words", report, float(best[position]))
                cases = len(candidates.found)
        return known

    def _word_index(self) -> WordIndex:
        progress = self.searcher.on_progress
        read = 0

        def advance(done: int, total: int) -> None:
            nonlocal read
            read += done
            if progress is not None:
                progress("reading reports", read, total)

        return open_word_index(self.searcher.archive, advance)

    def _by_pictures(self, candidates: Candidates, reader: RecordReader, filters: Filters) -> Filters:
        vectors = self._query_vectors()
        if vectors is None or self.encoding is None:
            return filters
        if self.query.pictures and not self.query.include_own_study:
            own = self._own_by_pixels(reader, vectors)
            if own - self.left_out:
                self.left_out |= own
                self.notes.append(notes.OWN_LEFT_OUT)
                filters = self._filters()
        gallery = self._gallery(ItemKind.IMAGE, filters)
        self._add_nearest(candidates, gallery, vectors, "image")
        return filters

    def _query_vectors(self) -> Float32Array | None:
        """[n, dim] of the question's pictures, or of the asked study's images."""
        self.encoding, vectors = image_vectors(
            self.searcher.archive,
            self.searcher.model,
            self.query.pictures,
            self.query.study_uid,
            embed_missing=self.searcher.embed_missing,
            on_progress=self.searcher.on_progress,
            notes=self.notes,
        )
        return vectors if len(vectors) else None

    def _own_by_pixels(self, reader: RecordReader, vectors: Float32Array) -> set[str]:
        hashes = set(self.query.pixel_hashes)
        own: set[str] = set()
        if not hashes:
            return own
        gallery = self._gallery(ItemKind.IMAGE, Filters())
        for item, similarity in gallery.nearest(vectors, 16):
            if similarity < _SAME_PICTURE:
                break
            uid = reader.item_uid(ItemKind.IMAGE, item)
            image = reader.image(uid) if uid else None
            if image is not None and image.pixel_sha256 in hashes:
                own.add(image.study_uid)
        return own

    def _gallery(self, kind: ItemKind, filters: Filters) -> Gallery:
        if self.encoding is None:
            raise RuntimeError("a gallery is opened after its model was chosen")
        return open_gallery(self.searcher.archive, self.encoding.fingerprint, kind, self.encoding.dim, filters)

    def _add_nearest(self, candidates: Candidates, gallery: Gallery, vectors: Float32Array, channel: str) -> None:
        self.searched = max(self.searched, len(gallery))
        self.channels.append(channel)
        fused = bool(candidates.found) or self.query.text is not None
        typical = gallery.spread(vectors).typical if fused else 0.0
        keys: set[str] = set()
        wanted = self.query.k if not fused else max(4 * self.query.k, 50)
        with self.searcher.archive.store.read() as reader:
            for item, similarity in gallery.nearest(vectors, self.query.k):
                uid = reader.item_uid(ItemKind.IMAGE, item)
                image = reader.image(uid) if uid else None
                if image is None:
                    continue
                score = similarity
                if fused:
                    score = float(above_typical(np.array([similarity], dtype=np.float32), typical)[0])
                candidates.add_image(channel, image, score)
                keys.add(image.study_uid if self.query.level.value == "case" else image.image_uid)
                if len(keys) >= wanted:
                    break

    def _by_examples(self, candidates: Candidates, filters: Filters) -> bool:
        """Images that resemble those of reported cases that the words find. Whether it took part. Unless images alone
        are asked for it has to be convincing, and an image without a report has to stand out."""
        question, archive = self.questions[0], self.searcher.archive
        if not question.has_core:
            return False
        alone = self.query.channel is Channel.IMAGE
        wanted = max(4 * self.query.k, 50)
        index = self._word_index()
        found = through_examples(
            archive, self.searcher.model, index, question, filters, self.left_out, self.query.level, wanted
        )
        if found is None or not (alone or found.bridge.convincing):
            return False
        self.searched = max(self.searched, found.compared)
        self.encoding = self.encoding or found.encoding
        self.channels.append("bridge")
        for image, deviations in found.ranked:
            key = image.study_uid if self.query.level.value == "case" else image.image_uid
            if alone or key in candidates.found or deviations >= _OUTSTANDING:
                candidates.add_image("bridge", image, degree(deviations))
        self.examples = found.bridge.patients
        return True

    def _by_text_vectors(
        self,
        candidates: Candidates,
        reader: RecordReader,
        filters: Filters,
        reports: bool,
        images: bool,
        bridged: bool,
    ) -> None:
        """Words in the space of a pair model, where the lexicon knows a concept of theirs. Other words have a vector as
        well, and its nearest images would be any images: how far they stand out in the archive, or how they differ from
        those of random letters, does not tell such words from clinical ones (tried on medpix2)."""
        question = self.questions[0]
        if not question.units:
            if self.query.channel is Channel.IMAGE:
                self.notes.append(notes.UNKNOWN_TO_LEXICON)
            return
        found = text_vector(self.searcher.archive, self.searcher.model, question.text)
        if found is None:
            if self.query.channel is Channel.IMAGE and not self.query.pictures and not bridged:
                self.notes.append(notes.NO_PAIR_MODEL)
            return
        encoding, vector = found
        if self.encoding is not None and self.encoding.fingerprint != encoding.fingerprint and not bridged:
            return
        self.encoding = encoding
        if images:
            self._words_to_images(candidates, reader, filters, vector, bridged)
        if reports and candidates.found:
            self._words_to_reports(candidates, reader, vector)

    def _words_to_images(
        self, candidates: Candidates, reader: RecordReader, filters: Filters, vector: Float32Array, bridged: bool
    ) -> None:
        gallery = self._gallery(ItemKind.IMAGE, filters)
        if len(gallery.index) == 0:
            self.notes.append(notes.NOT_EMBEDDED)
            return
        spread = gallery.spread(vector)
        self.searched = max(self.searched, len(gallery))
        self.channels.append("text_to_image")
        alone = self.query.channel is Channel.IMAGE
        wanted = max(4 * self.query.k, 50)
        keys: set[str] = set()
        for item, similarity in gallery.nearest(vector, self.query.k):
            uid = reader.item_uid(ItemKind.IMAGE, item)
            image = reader.image(uid) if uid else None
            if image is None:
                continue
            score = spread.degree(similarity)
            if score <= 0:
                break
            key = image.study_uid if self.query.level.value == "case" else image.image_uid
            if alone or key in candidates.found or spread.deviations(similarity) >= _OUTSTANDING:
                candidates.add_image("text_to_image", image, similarity if alone and not bridged else score)
            keys.add(key)
            if len(keys) >= wanted:
                break

    def _words_to_reports(self, candidates: Candidates, reader: RecordReader, vector: Float32Array) -> None:
        """Orders what the words found; a report that holds none of them is not an answer by its vector alone."""
        if self.encoding is None:
            return
        with_report = [candidate for candidate in candidates.found.values() if candidate.report_uid is not None]
        uids = [candidate.report_uid or "" for candidate in with_report]
        vectors = [reader.embedding(self.encoding.fingerprint, ItemKind.REPORT, uid) for uid in uids]
        known = [(c, v) for c, v in zip(with_report, vectors, strict=True) if v is not None]
        if not known:
            return
        self.channels.append("report_vectors")
        similarities = np.stack([v for _, v in known]) @ vector[0]
        for (candidate, _), similarity in zip(known, similarities.tolist(), strict=True):
            candidate.scores["report_vectors"] = max(0.0, float(similarity))

    # ---- the answer

    def _hits(self, candidates: Candidates, reader: RecordReader) -> list[Hit]:
        by_channel: dict[str, dict[str, float]] = {name: {} for name in self.channels}
        for key, candidate in candidates.found.items():
            for name, score in candidate.scores.items():
                by_channel[name][key] = score
        weights = IMAGE_WEIGHTS if self.query.channel is Channel.IMAGE else WEIGHTS
        fused = (
            fuse({name: scores for name, scores in by_channel.items() if scores}, weights, self.searcher.fusion)
            if any(by_channel.values())
            else {}
        )
        order = sorted(fused, key=lambda key: (-fused[key], key))
        hits = []
        for rank, key in enumerate(islice(order, self.query.k), start=1):
            hits.append(self._hit(reader, rank, fused[key], candidates.found[key]))
        return hits

    def _hit(self, reader: RecordReader, rank: int, score: float, candidate: Candidate) -> Hit:
        report = report_to_show(reader, candidate, reader.image(candidate.image_uid) if candidate.image_uid else None)
        image = image_to_show(reader, candidate, report)
        study = reader.study(candidate.study_uid)
        by = tuple(dict.fromkeys(SHOWN_AS[name] for name, value in candidate.scores.items() if value > 0))
        terms: tuple[str, ...] = ()
        if report is not None and "report" in by:
            spans = [
                span for question in self.questions for span in matched_spans(question, report.text, report.language)
            ]
            terms = matched_terms(report.text, sorted(spans))
        return Hit(
            rank=rank,
            similarity=score,
            probability=None,
            patient_id=_first("patient_id", image, study, report),
            study_uid=candidate.study_uid,
            image_uid=image.image_uid if image else None,
            file=image.file if image else (report.file if report else None),
            modality=image.modality if image else None,
            labels=image.labels if image else (),
            report=report.text if report else None,
            matched_by=by,
            matched_terms=terms,
            report_uid=report.report_uid if report else None,
            date=_first("date", image, study, report),
        )

    def _explain_nothing(self, reports: bool) -> None:
        if self.searched == 0:
            self.notes.append(notes.NOTHING_SEARCHED)
        else:
            self.notes.append(notes.NOTHING_SIMILAR)


def _first(name: str, *records: Image | Study | Report | None) -> str | None:
    """The field ``name`` of the first record that knows it."""
    known = (getattr(record, name) for record in records if record is not None)
    return next((value for value in known if value), None)


def _questions_of_study(reader: RecordReader, study_uid: str) -> list[Question]:
    found = [question_of_report(report.text, report.language) for report in reader.reports(study_uid=study_uid)]
    return [question for question in found if question.units]
