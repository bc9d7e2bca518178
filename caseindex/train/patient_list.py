"""A text file of patient ids, one a line: whom to keep out of training."""

from __future__ import annotations

from pathlib import Path

from caseindex.errors import UsageError


def read_patient_ids(path: Path | None) -> frozenset[str]:
    """UTF-8; empty lines are left out. No file: nobody. Raises :class:`~caseindex.errors.UsageError`."""
    if path is None:
        return frozenset()
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(path, f"cannot be read as text ({type(error).__name__})", "Name a UTF-8 text file") from error
    return frozenset(line.strip() for line in lines if line.strip())
