"""Duplicate images of the archive as findings: candidates by hash and by embedding, verified on pixels, grouped."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from caseindex.index.archive import Archive
from caseindex.ingest.thumbnails import read_thumbnail, thumbnail_path
from caseindex.records import PixelArray
from caseindex.retrieval.encoding import OnProgress
from caseindex.retrieval.identity.duplicates import (
    Copy,
    find_copies,
    neighbour_pairs,
    perceptual_hash,
    turned_hash_pairs,
)
from caseindex.retrieval.identity.finding import Finding, FindingKind, Reason
from caseindex.retrieval.identity.gallery import IdentityGallery

#: Embeddings at least this similar are looked at: a cropped copy has another hash.
NEAR = 0.75
#: Of a copy that is not pixel-identical: none of some hundred pairs of one person's different examinations verifies.
VERIFIED = 0.99
_MOST_CANDIDATES = 20_000

Look = Callable[[int], PixelArray | None]


def copy_findings(archive: Archive, gallery: IdentityGallery, look: Look, progress: OnProgress) -> list[Finding]:
    """One finding for each two patients that share copies, and for each patient with copies."""
    candidates = _candidates(archive, gallery, look, progress)
    found = find_copies(look, gallery.copies, candidates, lambda done, total: progress("comparing copies", done, total))
    groups: dict[frozenset[str | None], list[Copy]] = {}
    for copy in found:
        if not _neighbouring_slices(gallery, copy):
            groups.setdefault(frozenset({gallery.patient(copy.one), gallery.patient(copy.two)}), []).append(copy)
    return [_finding(gallery, copies) for copies in groups.values()]


def _candidates(archive: Archive, gallery: IdentityGallery, look: Look, progress: OnProgress) -> list[tuple[int, int]]:
    hashes, mirrored = np.zeros(len(gallery), np.uint64), np.zeros(len(gallery), np.uint64)
    blank = np.zeros(len(gallery), bool)
    for row, image in enumerate(gallery.images):
        small = read_thumbnail(thumbnail_path(archive.thumbnails_dir, image.image_uid))
        picture = small if small is not None else look(row)
        if picture is None:
            blank[row] = True
        else:
            hashes[row] = perceptual_hash(picture)
            mirrored[row] = perceptual_hash(np.ascontiguousarray(picture[:, ::-1]))
        progress("looking for copies", 1, len(gallery))
    pairs = {pair for pair in turned_hash_pairs(hashes, mirrored) if not blank[list(pair)].any()}
    pairs |= set(neighbour_pairs(gallery.vectors, gallery.kinds, NEAR))
    chosen = [pair for pair in pairs if not _same_volume(gallery, *pair)]

    def nearness(pair: tuple[int, int]) -> tuple[float, tuple[int, int]]:
        return -float(gallery.vectors[pair[0]] @ gallery.vectors[pair[1]]), pair

    return sorted(chosen, key=nearness)[:_MOST_CANDIDATES]


def _same_volume(gallery: IdentityGallery, one: int, two: int) -> bool:
    """Slices of one series resemble each other as copies do."""
    first, second = gallery.images[one], gallery.images[two]
    return first.series_uid is not None and first.series_uid == second.series_uid


def _neighbouring_slices(gallery: IdentityGallery, copy: Copy) -> bool:
    return bool(copy.how) and _same_volume(gallery, copy.one, copy.two)


def _finding(gallery: IdentityGallery, copies: list[Copy]) -> Finding:
    """Of the copies that the same one or two patients have."""
    first = max(copies, key=lambda copy: (not copy.how, copy.correlation))
    rows = list(dict.fromkeys(row for copy in [first, *copies] for row in (copy.one, copy.two)))
    patients = tuple(dict.fromkeys(name for row in rows if (name := gallery.patient(row)) is not None))
    reasons = []
    if len(copies) > 1:
        reasons.append(Reason("several_copies", {"count": len(copies)}))
    if first.how:
        reasons.append(Reason("copy", {"how": "; ".join(first.how), "correlation": first.correlation}))
    else:
        reasons.append(Reason("same_pixels"))
    if len(patients) > 1:
        reasons += [Reason("two_patients"), Reason("or_two_ids")]
    return Finding(
        kind=FindingKind.DUPLICATE_IMAGE,
        probability=VERIFIED if first.how else 1.0,
        score=first.correlation,
        patient_ids=patients,
        images=tuple(gallery.images[row] for row in rows),
        others=(gallery.images[rows[1]],),
        own=(),
        suggested_patient_id=None,
        reasons=tuple(reasons),
    )
