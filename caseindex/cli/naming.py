"""What people call things, as the archive calls them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from caseindex.errors import UsageError

if TYPE_CHECKING:
    from caseindex.index.archive import Archive

_NAMED = 5  # studies in a message


def study_uid(archive: Archive, given: str) -> str:
    """The UID of the study that ``given`` names: its UID, or its accession number (for a manifest: ``study_id``) where
    one study alone has it; else ``given`` itself, which the command then does not find.

    Raises :class:`~caseindex.errors.UsageError` for an accession number of several studies.
    """
    with archive.store.read() as reader:
        if reader.study(given) is not None:
            return given
        found = sorted({study.study_uid for study in reader.studies(accession_number=given)})
    if len(found) > 1:
        shown = ", ".join(found[:_NAMED]) + (", ..." if len(found) > _NAMED else "")
        raise UsageError(
            f"--study {given}", f"{len(found)} studies have this accession number: {shown}", "Give one UID"
        )
    return found[0] if found else given


def writable_page(html: Path) -> None:
    """Before the long work: raises :class:`~caseindex.errors.UsageError` where ``html`` cannot become a file."""
    if html.is_dir():
        raise UsageError(html, "a folder, not a file", "Name the page, such as found.html")
    if not html.expanduser().absolute().parent.is_dir():
        raise UsageError(html, "its folder does not exist", "Make the folder first")
