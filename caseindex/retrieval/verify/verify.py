"""Does this report fit this image? One study, one file with a text, or the whole archive as a worklist."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from caseindex.errors import NotInArchive, UsageError
from caseindex.index.archive import Archive
from caseindex.index.filters import Filters
from caseindex.records import Float32Array, Image, ItemKind, PixelArray, Report
from caseindex.retrieval.nearest import open_gallery
from caseindex.retrieval.picture import render_options
from caseindex.retrieval.verify.claims import Claims, claims_of
from caseindex.retrieval.verify.classifiers import as_roots
from caseindex.retrieval.verify.familiar import Shift, shift
from caseindex.retrieval.verify.filed import Filed, filed_reports, unit
from caseindex.retrieval.verify.opened import Opened
from caseindex.retrieval.verify.panel import OnProgress
from caseindex.retrieval.verify.thresholds import Line, Threshold, by_false_alarms, by_point
from caseindex.retrieval.verify.verdict import Verdict, strict_rate, verdicts
from caseindex.retrieval.verify.witnesses import Others

_BLOCK = 256
_MOST_FRAMES = 16
_SAME_PICTURE = 0.999  # cosine from which two pictures may be the same file; their pixels' hash decides


@dataclass(frozen=True, slots=True)
class Lines:
    """Where a report becomes doubtful, and where it contradicts."""

    threshold: Threshold
    strict: Threshold


def lines(opened: Opened, rate: float, by: Line = Line.FALSE_ALARMS) -> Lines:
    """``rate``: the share of right reports that may be flagged in vain; ``by``: or another usual line, whatever its rate."""
    one = opened.verifier
    if by is Line.FALSE_ALARMS:
        drawn = by_false_alarms(one.right, one.right_patients, rate)
    else:
        drawn = by_point(getattr(one.points(), by.name.lower()), one.right, one.right_patients)
    stricter = strict_rate(min(max(drawn.rate, 1e-6), 0.5))
    return Lines(drawn, by_false_alarms(one.right, one.right_patients, stricter))


def verify_study(opened: Opened, study_uid: str, rate: float = 0.05, by: Line = Line.FALSE_ALARMS) -> list[Verdict]:
    """One verdict for each report of the study. Raises :class:`~caseindex.errors.NotInArchive`."""
    with opened.archive.store.read() as reader:
        if reader.study(study_uid) is None:
            raise NotInArchive(study_uid, "no study of the archive has this UID", "`caseindex search` shows study UIDs")
        filed = list(filed_reports(reader, study_uid=study_uid))
        if not filed:
            raise NotInArchive(study_uid, "the study lacks a report or an image", "Ingest what is missing")
        own, others = opened.vectors(reader, filed)
    found = _asked(opened, filed, own, others, lines(opened, rate, by))
    if not found:
        raise NotInArchive(study_uid, "none of its images could be read", "Run `caseindex embed` to see why")
    return found


def verify_all(
    opened: Opened, rate: float = 0.05, by: Line = Line.FALSE_ALARMS, *, on_progress: OnProgress | None = None
) -> list[Verdict]:
    """Every reported study whose images are embedded, the least agreement first; what is undecided comes last."""
    drawn = lines(opened, rate, by)
    with opened.archive.store.read() as reader:
        filed = list(filed_reports(reader))
    found: list[Verdict] = []
    for start in range(0, len(filed), _BLOCK):
        part = filed[start : start + _BLOCK]
        with opened.archive.store.read() as reader:
            own, others = opened.vectors(reader, part)
        found += _asked(opened, part, own, others, drawn)
        if on_progress is not None:
            on_progress("verifying", len(part), len(filed))
    return sorted(found, key=lambda one: (math.isnan(one.agreement), one.agreement))


def shifted(opened: Opened, found: Sequence[Verdict]) -> Shift:
    """How the cases that were asked about differ from those that the line was drawn on."""
    one = opened.verifier
    expectation = one.witnesses.expectation
    claims = [claims_of(each.filed.report.text, each.filed.report.language) for each in found]
    return shift(
        [each.familiarity for each in found],
        expectation.targets.rows(claims),
        [each.filed.patient for each in found],
        expectation.base,
        expectation.targets,
        len(set(one.witnesses.gallery.patients.tolist())),
    )


def verify_image(
    opened: Opened, file: Path, text: str, rate: float = 0.05, by: Line = Line.FALSE_ALARMS
) -> tuple[Verdict, tuple[PixelArray, ...]]:
    """A report's ``text`` against an image ``file``, archived or not; its pictures too. Nothing of the image's own patient,
    where it is archived, has a say.

    Raises :class:`~caseindex.errors.UsageError` for no file, no image or no words,
    :class:`~caseindex.errors.InputRejected`.
    """
    if not text.strip():
        raise UsageError("--report", "it has no words", "Give a text file, or - with the text on stdin")
    images, pictures = read_images(opened.archive, file)
    own_vector = encoded(opened.model.image, pictures)
    images = _as_archived(opened, images, own_vector)
    report = Report(report_uid="", study_uid=images[0].study_uid, text=text, file="", patient_id=images[0].patient_id)
    one = Filed(report, images)
    others = Others(
        None if opened.pair is None else [encoded(opened.pair.image, pictures)],
        None if opened.labels is None else [unit(as_roots(opened.labels.image.predict(pictures)).mean(0))],
    )
    (verdict,) = _asked(opened, [one], [own_vector], others, lines(opened, rate, by))
    return verdict, pictures


def _as_archived(opened: Opened, images: tuple[Image, ...], vector: Float32Array) -> tuple[Image, ...]:
    """A raster file has no UID of its own: it is known again by its pixels."""
    hashes = {image.pixel_sha256 for image in images if image.pixel_sha256}
    gallery = open_gallery(opened.archive, opened.model.fingerprint, ItemKind.IMAGE, opened.model.dim, Filters())
    with opened.archive.store.read() as reader:
        for item, similarity in gallery.nearest(vector[None], 16):
            if similarity < _SAME_PICTURE:
                break
            known = reader.image(reader.item_uid(ItemKind.IMAGE, item) or "")
            if known is not None and known.pixel_sha256 in hashes:
                return (known,)
    return images


def encoded(encoder: object, pictures: Sequence[PixelArray]) -> Float32Array:
    """[dim] mean embedding."""
    from caseindex.protocols import ImageEncoder

    if not isinstance(encoder, ImageEncoder):
        raise TypeError("not an image encoder")
    return unit(encoder.encode(np.stack([encoder.preprocess(one) for one in pictures])).mean(0))


def read_images(archive: Archive, file: Path) -> tuple[tuple[Image, ...], tuple[PixelArray, ...]]:
    """The records and pictures of a file, as the archive renders its own; where it is archived, as filed there."""
    from caseindex.ingest.decode import decode

    if not file.is_file():
        raise UsageError(file, "no such file", "Give a DICOM, PNG, JPEG or TIFF file")
    decoded = [
        one for one in decode(str(file.absolute()), str(file), render_options(archive)) if not isinstance(one, Report)
    ]
    if not decoded:
        raise UsageError(file, "it holds no image", "Give a DICOM, PNG, JPEG or TIFF file")
    chosen = decoded[:: max(1, len(decoded) // _MOST_FRAMES)][:_MOST_FRAMES]
    images = []
    with archive.store.read() as reader:
        for one in chosen:
            known = reader.image(one.image.image_uid)
            images.append(known if known is not None else replace(one.image, file=str(file)))
    return tuple(images), tuple(one.pixels for one in chosen)


def _asked(
    opened: Opened, filed: Sequence[Filed], vectors: Sequence[Float32Array | None], others: Others, drawn: Lines
) -> list[Verdict]:
    """Of those whose images have vectors."""
    kept = [i for i, vector in enumerate(vectors) if vector is not None]
    if not kept:
        return []
    asked = [filed[i] for i in kept]
    claims: list[Claims] = [claims_of(one.report.text, one.report.language) for one in asked]
    own = np.stack([vector for vector in vectors if vector is not None])
    found = opened.verifier.witnesses.evidences(asked, claims, own, others.rows(kept))
    return verdicts(opened.verifier, asked, claims, found, drawn.threshold, drawn.strict)
