"""An image file as a question: rendered as the archive renders its own, and recognised where it is archived."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from caseindex.errors import UsageError
from caseindex.index.archive import Archive
from caseindex.records import Image, PixelArray, Report

if TYPE_CHECKING:
    from caseindex.ingest.decode import Decoded

_MOST_FRAMES = 16  # of a multi-frame object that ask


def render_options(archive: Archive) -> Any:
    """The rendering that the archive's settings ask for."""
    from caseindex.ingest.decode import RenderOptions

    limits, settings = archive.settings.limits, archive.settings.ingest
    return RenderOptions(
        window=settings.window,
        mask_text=settings.mask_text,
        max_pixels=limits.max_pixels,
        max_frames=limits.max_frames,
        max_file_mb=limits.max_file_mb,
    )


def read_picture(archive: Archive, file: Path) -> dict[str, Any]:
    """The fields of a :class:`~caseindex.retrieval.query.Query` that an image file gives: ``pictures``, ``picture_name``,
    ``pixel_hashes``, and ``own_study_uids`` where the archive holds it by its UID.

    Raises :class:`~caseindex.errors.UsageError` for a file that is not there and
    :class:`~caseindex.errors.InputRejected` for one that cannot be decoded.
    """
    decoded = decoded_pictures(archive, file)
    step = max(1, len(decoded) // _MOST_FRAMES)
    with archive.store.read() as reader:
        archived = [reader.image(item.image.image_uid) for item in decoded]
    return {
        "pictures": tuple(item.pixels for item in decoded[::step][:_MOST_FRAMES]),
        "picture_name": file.name,
        "pixel_hashes": tuple(dict.fromkeys(item.image.pixel_sha256 for item in decoded if item.image.pixel_sha256)),
        "own_study_uids": tuple(dict.fromkeys(image.study_uid for image in archived if image is not None)),
    }


def decoded_pictures(archive: Archive, file: Path) -> list[Decoded]:
    """The pictures of a file (one, or its frames), rendered as the archive's are; raises as :func:`read_picture`."""
    from caseindex.ingest.decode import decode

    if not file.exists():
        raise UsageError(file, "no such file", "Give a DICOM, PNG, JPEG or TIFF file")
    if file.is_dir():
        raise UsageError(file, "a folder, not a file", "Give one DICOM, PNG, JPEG or TIFF file of it")
    decoded = [
        item
        for item in decode(str(file.absolute()), str(file), render_options(archive))
        if not isinstance(item, Report)
    ]
    if not decoded:
        raise UsageError(file, "it holds no image", "Give a DICOM, PNG, JPEG or TIFF file")
    return decoded


def read_archived(archive: Archive, image: Image) -> PixelArray:
    """The pixels of an archived image, rendered as at ingest."""
    from caseindex.ingest.decode import read_pixels

    return read_pixels(image, render_options(archive))
