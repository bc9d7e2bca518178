"""The question's pictures, or those of the asked study, against the archive's images."""

from __future__ import annotations

import numpy as np

from caseindex.index.filters import Filters
from caseindex.records import Float32Array
from caseindex.retrieval import notes
from caseindex.retrieval.encoding import image_vectors
from caseindex.retrieval.fusion import above_typical
from caseindex.retrieval.under_way import UnderWay

_SAME_PICTURE = 0.999  # cosine from which two pictures may be the same file; their pixels' hash decides


def by_pictures(search: UnderWay) -> None:
    """Adds the nearest images. The studies that the pictures are of are left out from here on."""
    query = search.query
    search.encoding, vectors = image_vectors(
        search.archive,
        search.model,
        query.pictures,
        query.study_uid,
        embed_missing=search.embed_missing,
        on_progress=search.on_progress,
        notes=search.notes,
    )
    if not len(vectors):
        return
    if query.pictures and not query.include_own_study:
        own = _own_by_pixels(search, vectors)
        if own - search.left_out:
            search.left_out |= own
            search.notes.append(notes.OWN_LEFT_OUT)
    _add_nearest(search, vectors)


def _own_by_pixels(search: UnderWay, vectors: Float32Array) -> set[str]:
    hashes = set(search.query.pixel_hashes)
    own: set[str] = set()
    if not hashes:
        return own
    for item, similarity in search.gallery(Filters()).nearest(vectors, 16):
        if similarity < _SAME_PICTURE:
            break
        image = search.image(item)
        if image is not None and image.pixel_sha256 in hashes:
            own.add(image.study_uid)
    return own


def _add_nearest(search: UnderWay, vectors: Float32Array) -> None:
    gallery = search.gallery(search.filters())
    search.takes_part("image", len(gallery))
    fused = bool(search.candidates.found) or search.query.text is not None
    typical = gallery.spread(vectors).typical if fused else 0.0
    keys: set[str] = set()
    wanted = search.wanted if fused else search.query.k
    for item, similarity in gallery.nearest(vectors, search.query.k):
        image = search.image(item)
        if image is None:
            continue
        score = similarity
        if fused:
            score = float(above_typical(np.array([similarity], dtype=np.float32), typical)[0])
        search.candidates.add_image("image", image, score)
        keys.add(search.key(image))
        if len(keys) >= wanted:
            break
