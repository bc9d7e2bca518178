"""One input file -> its pictures with their records, or the text of a structured report. The whole chain in one place.

The steps are files of their own: `dicom_file` (parse), `header`, `pixel_format`, `native_frames` and
`encapsulated_frames`, `render` (modality transform, values of interest, polarity), `aspect`, `masking`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from caseindex.errors import InputRejected
from caseindex.ingest.sources import read_bytes
from caseindex.records import Image, PixelArray, Report, Series, Study
from caseindex.settings import Limits

if TYPE_CHECKING:
    from caseindex.ingest.dicom import DicomObject

_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """``window``: a named CT window ("brain", "lung", ...) or "CENTER/WIDTH" instead of the file's own. ``mask_text``:
    blank burned-in text outside the anatomy."""

    window: str | None = None
    mask_text: bool = False
    max_pixels: int = _LIMITS.max_pixels
    max_frames: int = _LIMITS.max_frames
    max_file_mb: int = _LIMITS.max_file_mb


@dataclass(frozen=True, slots=True)
class Decoded:
    """One picture: [rows, columns] or [rows, columns, 3] uint8, C-contiguous, with what its file says of it."""

    image: Image
    pixels: PixelArray
    study: Study
    series: Series | None


def decode(locator: str, file: str, options: RenderOptions | None = None) -> Iterator[Decoded | Report]:
    """The pictures of one file, frame by frame, or the :class:`~caseindex.records.Report` that a DICOM structured
    report holds.

    ``locator``: where the bytes are (see :mod:`caseindex.ingest.sources`); ``file``: the path as the user gave it.
    A multi-frame object gives ``UID#0``, ``UID#1``, ...; frames without any contrast are left out, and only where all
    are is the file ``constant_image``. Raises :class:`~caseindex.errors.InputRejected`; where it is raised after some
    frames were given (a truncated multi-frame object), those frames are good.
    """
    options = options or RenderOptions()
    data = _read(locator, options)
    digest = hashlib.sha256(data).hexdigest()
    from caseindex.ingest.dicom_file import looks_like_dicom

    if looks_like_dicom(data):
        from caseindex.ingest.dicom import DicomObject

        yield from _decode_dicom(
            DicomObject(file, data, options.max_pixels, options.max_frames, _max_bytes(options)),
            digest,
            locator,
            file,
            options,
        )
        return
    from caseindex.ingest.raster import looks_like_raster

    if not looks_like_raster(data):
        from caseindex.ingest.foreign_formats import described

        raise InputRejected(file, "unknown_format", described(file, data))
    yield from _decode_raster(data, digest, locator, file, options)


def read_pixels(image: Image, options: RenderOptions | None = None) -> PixelArray:
    """The picture of an archived image again, from its ``source`` and ``frame``: equal to what :func:`decode` gave
    under the same options. Raises :class:`~caseindex.errors.InputRejected`, for a source that is gone among others."""
    options = options or RenderOptions()
    data = _read(image.source, options)
    from caseindex.ingest.dicom_file import looks_like_dicom

    if looks_like_dicom(data):
        from caseindex.ingest.dicom import DicomObject

        parsed = DicomObject(image.file, data, options.max_pixels, options.max_frames, _max_bytes(options))
        found = [part.pixels for part in parsed.pictures(options.window, only=image.frame or 0)]
    else:
        from caseindex.ingest.raster import raster_frames

        found = [
            pixels
            for _, _, pixels in raster_frames(
                image.file, data, options.max_pixels, options.max_frames, image.frame or 0
            )
        ]
    if not found:
        raise InputRejected(image.file, "constant_image")
    return _masked(found[0], options)


def _max_bytes(options: RenderOptions) -> int:
    return options.max_file_mb << 20


def _read(locator: str, options: RenderOptions) -> bytes:
    data = read_bytes(locator, _max_bytes(options))
    if not data:
        raise InputRejected(locator, "empty_file")
    return data


def _masked(pixels: PixelArray, options: RenderOptions) -> PixelArray:
    if not options.mask_text:
        return pixels
    from caseindex.ingest.masking import mask_text

    return mask_text(pixels)


def pixel_sha256(pixels: PixelArray) -> str:
    """Equal for pictures of equal shape and pixels."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(pixels.data)
    return digest.hexdigest()


def _decode_dicom(
    parsed: DicomObject, digest: str, locator: str, file: str, options: RenderOptions
) -> Iterator[Decoded | Report]:
    header = parsed.header(digest)
    text = parsed.text()
    if text is not None:
        yield Report(
            report_uid=header.object_uid,
            study_uid=header.study.study_uid,
            text=text,
            file=file,
            patient_id=header.patient_id,
            date=header.date,
        )
        return
    given = 0
    for part in parsed.pictures(options.window):
        pixels = _masked(part.pixels, options)
        given += 1
        image = Image(
            image_uid=f"{header.object_uid}#{part.frame}" if parsed.is_multi_frame else header.object_uid,
            study_uid=header.study.study_uid,
            file=file,
            source=locator,
            patient_id=header.patient_id,
            series_uid=header.series.series_uid if header.series else None,
            frame=part.frame if parsed.is_multi_frame else None,
            modality=header.modality,
            view=part.view,
            body_part=header.body_part,
            side=part.side,
            date=header.date,
            sex=header.sex,
            age_years=header.age_years,
            rows=pixels.shape[0],
            columns=pixels.shape[1],
            pixel_spacing_mm=part.pixel_spacing_mm,
            instance_number=header.instance_number,
            position_mm=part.position_mm,
            content_score=part.content_score,
            represents_series="object_class" not in header.attributes,
            file_sha256=digest,
            pixel_sha256=pixel_sha256(pixels),
            attributes={**header.attributes, "rendered_by": part.voi},
        )
        yield Decoded(image, pixels, header.study, header.series)
    if not given:
        raise InputRejected(file, "constant_image")


def _decode_raster(data: bytes, digest: str, locator: str, file: str, options: RenderOptions) -> Iterator[Decoded]:
    from caseindex.ingest.content import content_score
    from caseindex.ingest.derived_uid import derived_study_uid, image_uid
    from caseindex.ingest.raster import raster_frames

    uid = image_uid(file, digest)
    study = Study(study_uid=derived_study_uid(None, None, uid), derived=True)
    whole = Image(image_uid=uid, study_uid=study.study_uid, file=file, source=locator, file_sha256=digest)
    given = 0
    for page, pages, pixels in raster_frames(file, data, options.max_pixels, options.max_frames):
        if pixels.min() == pixels.max():
            continue
        given += 1
        pixels = _masked(pixels, options)
        image = replace(
            whole,
            image_uid=f"{uid}#{page}" if pages > 1 else uid,
            frame=page if pages > 1 else None,
            rows=pixels.shape[0],
            columns=pixels.shape[1],
            content_score=content_score(pixels),
            pixel_sha256=pixel_sha256(pixels),
        )
        yield Decoded(image, pixels, study, None)
    if not given:
        raise InputRejected(file, "constant_image")
