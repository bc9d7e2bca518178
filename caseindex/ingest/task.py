"""What a decoding worker does with one input: pictures and texts to records, pixels to thumbnails.

Pixels never leave the worker; only records do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from caseindex.errors import InputRejected
from caseindex.ingest import decoder_messages, derived_uid
from caseindex.ingest.decode import Decoded, RenderOptions, decode
from caseindex.ingest.thumbnails import thumbnail_path, write_new
from caseindex.protocols import Discovered
from caseindex.records import Image, Report, Series, Study

#: In :attr:`Report.image_uids` of a layout: the image that the report came with, whose UID is not known yet.
THIS_IMAGE: Final = ""
#: Attribute of the frames of an object that broke off: they are good, the others are not in the archive.
INCOMPLETE: Final = "incomplete"


@dataclass(frozen=True, slots=True)
class Job:
    """One input for a worker, or what needs none (a report, a rejection) and only keeps its place in the order.
    ``key`` is the :attr:`Image.source_key` to give; ``thumbnails``: the folder, or ``None`` for none; ``source``: the
    locator, or, for what has none, the source that it was found in."""

    found: Discovered | Report | InputRejected
    options: RenderOptions
    key: str = ""
    thumbnails: Path | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The records of one input, or why there are none (``code``, ``detail``), or both for an object that broke off."""

    images: tuple[Image, ...] = ()
    studies: tuple[Study, ...] = ()
    series: tuple[Series, ...] = ()
    reports: tuple[Report, ...] = ()
    code: str | None = None
    detail: str = ""


def take(job: Job) -> Outcome:
    """Decodes one input. Never raises for what a file can cause."""
    if isinstance(job.found, Report):
        return Outcome(reports=(job.found,))
    if isinstance(job.found, InputRejected):
        return Outcome(code=job.found.code, detail=job.found.detail)
    _single_thread()
    images: list[Image] = []
    studies: dict[str, Study] = {}
    series: dict[str, Series] = {}
    reports: list[Report] = []
    code: str | None = None
    detail = ""
    try:
        for decoded in decode(job.found.locator, job.found.file, job.options):
            if isinstance(decoded, Report):
                reports.append(_own_report(decoded, job.found))
                continue
            image, study, of_series = merged(decoded, job.found, job.key)
            images.append(image)
            studies[study.study_uid] = study
            if of_series is not None:
                series[of_series.series_uid] = of_series
            if job.thumbnails is not None:
                path = thumbnail_path(job.thumbnails, image.image_uid)
                write_new(path, decoded.pixels, image.file_sha256)
    except InputRejected as error:
        code, detail = error.code, error.detail
    except MemoryError:
        code, detail = "worker_killed", "decoding needs more memory than [limits] worker_memory_mb allows"
    except RecursionError:
        code, detail = "undecodable_pixels", "nested too deep"
    except Exception as error:
        # A decoder's own words may quote the header, and with it a name; the type of the error does not.
        code, detail = "undecodable_pixels", f"the decoder failed with {type(error).__name__}"
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of a decoder in Rust, which is no Exception
            raise
        code, detail = "undecodable_pixels", "the decoder panicked"
    said = decoder_messages.drain()
    if code is not None:
        if said and code == "undecodable_pixels":
            detail = f"{detail}; the decoder says: {said}" if detail else f"the decoder says: {said}"
        if not images:
            return Outcome(code=code, detail=detail)
        # Decoded again in every run, for what is missing to be reported again: hence no key.
        images = [
            replace(image, source_key="", attributes={**image.attributes, INCOMPLETE: f"{code}: {detail}"})
            for image in images
        ]
    for template in job.found.reports:
        reports.append(_bound(template, images))
    return Outcome(tuple(images), tuple(studies.values()), tuple(series.values()), tuple(reports), code, detail)


def merged(decoded: Decoded, found: Discovered, key: str = "") -> tuple[Image, Study, Series | None]:
    """The records of one picture under the ``key`` of its source, with what the layout knows winning over what the file says."""
    image, study, series = decoded.image, decoded.study, decoded.series
    given = dict(found.given)
    extra = given.pop("attributes", {})
    if isinstance(extra, Mapping) and extra:
        given["attributes"] = {**image.attributes, **extra}
    if found.uid_name and image.image_uid.partition("#")[0] == derived_uid.image_uid(found.file, image.file_sha256):
        _, mark, frame = image.image_uid.partition("#")
        given.setdefault("image_uid", derived_uid.image_uid(found.uid_name, image.file_sha256) + mark + frame)
    changes = {name: value for name, value in given.items() if value is not None}
    if changes:
        image = replace(image, **changes)  # type: ignore[arg-type]
    study = _merged_study(study, found.study, image)
    image = replace(image, study_uid=study.study_uid, source_key=key)
    if series is not None:
        series = replace(series, study_uid=study.study_uid, modality=image.modality or series.modality)
    return image, study, series


def _merged_study(own: Study, given: Study | None, image: Image) -> Study:
    """A study that the layout names wins; one that it made up only where the file has none of its own."""
    uid, derived = own.study_uid, own.derived
    if given is not None and given.study_uid and (own.derived or not given.derived):
        uid, derived = given.study_uid, given.derived
    elif own.derived:
        uid = derived_uid.derived_study_uid(None, None, image.image_uid.partition("#")[0])
    if given is None:
        given = Study(study_uid="")
    return Study(
        study_uid=uid,
        patient_id=image.patient_id,
        accession_number=given.accession_number or own.accession_number,
        date=given.date or own.date or image.date,
        description=given.description or own.description,
        derived=derived,
    )


def _own_report(report: Report, found: Discovered) -> Report:
    patient = found.given.get("patient_id")
    study = found.study.study_uid if found.study is not None and not found.study.derived else ""
    return replace(
        report,
        study_uid=study or report.study_uid,
        patient_id=patient if isinstance(patient, str) else report.patient_id,
    )


def _bound(template: Report, images: list[Image]) -> Report:
    first = images[0] if images else None
    study = template.study_uid or (first.study_uid if first else "")
    these = tuple(image.image_uid for image in images)
    return replace(
        template,
        report_uid=template.report_uid or derived_uid.report_uid(study, template.text),
        study_uid=study,
        patient_id=template.patient_id or (first.patient_id if first else None),
        date=template.date or (first.date if first else None),
        image_uids=these if template.image_uids == (THIS_IMAGE,) else template.image_uids,
    )


def _single_thread() -> None:
    global _threads_set
    if not _threads_set:
        import cv2

        cv2.setNumThreads(1)  # there are as many workers as cores
        _threads_set = True


_threads_set = os.environ.get("CASEINDEX_OPENCV_THREADS") is not None
