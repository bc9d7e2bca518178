"""The question's words in the space of a pair model: against images, and to order the reports that were found."""

from __future__ import annotations

import numpy as np

from caseindex.records import Float32Array, ItemKind
from caseindex.retrieval import notes
from caseindex.retrieval.encoding import text_vector
from caseindex.retrieval.query import Channel
from caseindex.retrieval.under_way import OUTSTANDING, UnderWay


def by_text_vectors(search: UnderWay, bridged: bool) -> None:
    """Where the lexicon knows a concept of the words. Other words have a vector as well, and its nearest images would be
    any images: how far they stand out in the archive, or how they differ from those of random letters, does not tell such
    words from clinical ones (tried on medpix2). ``bridged``: whether the words went to images through examples, too."""
    question = search.questions[0]
    if not question.units:
        if search.images_alone:
            search.notes.append(notes.UNKNOWN_TO_LEXICON)
        return
    found = text_vector(search.archive, search.model, question.text)
    if found is None:
        if search.images_alone and not search.query.pictures and not bridged:
            search.notes.append(notes.NO_PAIR_MODEL)
        return
    encoding, vector = found
    if search.encoding is not None and search.encoding.fingerprint != encoding.fingerprint and not bridged:
        return
    search.encoding = encoding
    if search.query.channel is not Channel.REPORT:
        _to_images(search, vector, bridged)
    if search.query.channel is not Channel.IMAGE and search.candidates.found:
        _to_reports(search, vector)


def _to_images(search: UnderWay, vector: Float32Array, bridged: bool) -> None:
    gallery = search.gallery(search.filters())
    if len(gallery.index) == 0:
        search.notes.append(notes.NOT_EMBEDDED)
        return
    spread = gallery.spread(vector)
    search.takes_part("text_to_image", len(gallery))
    keys: set[str] = set()
    for item, similarity in gallery.nearest(vector, search.query.k):
        image = search.image(item)
        if image is None:
            continue
        score = spread.degree(similarity)
        if score <= 0:
            break
        key = search.key(image)
        if search.images_alone or key in search.candidates.found or spread.deviations(similarity) >= OUTSTANDING:
            shown = similarity if search.images_alone and not bridged else score
            search.candidates.add_image("text_to_image", image, shown)
        keys.add(key)
        if len(keys) >= search.wanted:
            break


def _to_reports(search: UnderWay, vector: Float32Array) -> None:
    """Orders what the words found; a report that holds none of them is not an answer by its vector alone."""
    if search.encoding is None:
        return
    with_report = [candidate for candidate in search.candidates.found.values() if candidate.report_uid is not None]
    uids = [candidate.report_uid or "" for candidate in with_report]
    vectors = [search.reader.embedding(search.encoding.fingerprint, ItemKind.REPORT, uid) for uid in uids]
    known = [(c, v) for c, v in zip(with_report, vectors, strict=True) if v is not None]
    if not known:
        return
    search.channels.append("report_vectors")
    similarities = np.stack([v for _, v in known]) @ vector[0]
    for (candidate, _), similarity in zip(known, similarities.tolist(), strict=True):
        candidate.scores["report_vectors"] = max(0.0, float(similarity))
