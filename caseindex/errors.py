"""The exception tree. Every error names the item, the reason and the fix, in that order.

::

    CaseindexError                      exit status 1, printed without a stack trace
    ├── UsageError                      exit status 2: the command line contradicts itself
    ├── SettingsError                   archive.toml or a recipe: unknown key, wrong type, value out of range
    ├── InputRejected                   one input was not taken in; carries a `reason` from REJECTION_REASONS
    ├── ArchiveError
    │   ├── ArchiveNotFound             no archive.toml here or above
    │   ├── ArchiveLocked               another process is writing
    │   ├── ArchiveFormatTooNew         written by a newer caseindex
    │   ├── ArchiveDamaged              the truth fails its checksum
    │   └── StorageFull                 disk full, quota, read-only file system, no permission
    ├── NotInArchive                    a patient, study, image or report that is not here
    ├── VectorIndexError
    │   ├── IndexDamaged                a derived index fails its manifest; rebuild it
    │   └── IndexMismatch               built by another encoder, dimension or metric
    ├── ModelError
    │   ├── ModelNotFound               unknown name; lists the known ones and the extra to install
    │   ├── ModelDamaged                checkpoint fails its fingerprint, or is not safetensors
    │   └── TrainingError               nothing to train on, collapse, non-finite loss
    └── DependencyMissing               an optional package; says which extra installs it
"""

from __future__ import annotations

from typing import Final

#: Why an input was not taken in, and what it means. The keys are the contract of ``rejected.jsonl``.
REJECTION_REASONS: Final[dict[str, str]] = {
    "unreadable": "the file could not be opened or read (permissions, broken link, input/output error)",
    "empty_file": "the file has no bytes",
    "unknown_format": "not DICOM, PNG, JPEG, TIFF, nor a report that the layout knows",
    "broken_dicom": "a DICOM file whose data set cannot be parsed",
    "no_pixels": "a DICOM object without an image (structured report without text, plan, waveform, ...)",
    "not_an_image_class": "pixels that are not a picture of a patient (segmentation, dose, whole-slide, map)",
    "undecodable_pixels": "the pixel data are truncated, contradict their header, or no decoder reads them",
    "unsupported_transfer_syntax": "no installed decoder knows the transfer syntax",
    "constant_image": "every pixel has the same value, or none is finite",
    "too_large": "more pixels, frames or bytes than the limits allow (see `ingest --help`)",
    "too_small": "shorter than the smallest side that can be embedded",
    "worker_killed": "decoding crashed the worker process or was stopped for its memory",
    "timeout": "decoding took longer than the time limit",
    "uid_conflict": "this UID is in the archive already with other content; the first one was kept",
    "missing_file": "a manifest or layout names a file that is not there",
    "bad_row": "a row of a manifest or table cannot be understood",
    "outside_source": "a path that leads out of the source folder or archive (.., absolute, link)",
    "archive_bomb": "a zip member that expands beyond the limits",
    "report_too_short": "a report with no text",
    "report_unmatched": "a report whose study or accession number is not in the archive",
    "bad_encoding": "text that no supported character set can decode",
}


class CaseindexError(Exception):
    """Base of all errors that a user can act on.

    Parameters: ``item`` (what it is about), ``reason`` (why), ``fix`` (what to do next). The message is
    ``"ITEM: REASON. FIX"``. Never put a patient's name, birth date or report text in any of them.
    """

    exit_status: int = 1

    def __init__(self, item: object, reason: str, fix: str = "") -> None:
        self.item = str(item)
        self.reason = reason.rstrip(".")
        self.fix = fix.rstrip(".")
        super().__init__(f"{self.item}: {self.reason}." + (f" {self.fix}." if self.fix else ""))

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        # Exceptions cross process boundaries (decoding workers); the default would pass one argument to three.
        return (type(self), (self.item, self.reason, self.fix))


class UsageError(CaseindexError):
    exit_status = 2


class SettingsError(CaseindexError):
    pass


class InputRejected(CaseindexError):
    """One input was not taken in. ``code`` is a key of :data:`REJECTION_REASONS`; ``detail`` says more."""

    def __init__(self, item: object, code: str, detail: str = "") -> None:
        if code not in REJECTION_REASONS:
            raise ValueError(f"unknown rejection reason {code!r}; known: {', '.join(REJECTION_REASONS)}")
        self.code = code
        self.detail = detail
        super().__init__(item, f"{code}: {detail or REJECTION_REASONS[code]}")

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (type(self), (self.item, self.code, self.detail))


class ArchiveError(CaseindexError):
    pass


class ArchiveNotFound(ArchiveError):
    pass


class ArchiveLocked(ArchiveError):
    pass


class ArchiveFormatTooNew(ArchiveError):
    pass


class ArchiveDamaged(ArchiveError):
    pass


class StorageFull(ArchiveError):
    pass


class NotInArchive(CaseindexError):
    pass


class VectorIndexError(CaseindexError):
    pass


class IndexDamaged(VectorIndexError):
    pass


class IndexMismatch(VectorIndexError):
    pass


class ModelError(CaseindexError):
    pass


class ModelNotFound(ModelError):
    pass


class ModelDamaged(ModelError):
    pass


class TrainingError(ModelError):
    pass


class DependencyMissing(CaseindexError):
    pass
