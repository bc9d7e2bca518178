"""DICOM's own identifiers as keys of records: kept as they are where they are sound, replaced by stable ones else."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from caseindex.ingest.derived_uid import derived

_SOUND: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def sound_uid(given: str | None) -> str | None:
    """``given`` where it can serve as a key, another stable one for broken values, ``None`` for none.

    >>> sound_uid("1.2.840.1"), sound_uid("")
    ('1.2.840.1', None)
    """
    if not given:
        return None
    return given if _SOUND.fullmatch(given) else derived("uid", given)


def sound_identifier(given: str | None) -> str | None:
    """A patient id or accession number of at most 64 characters. Longer ones (the standard forbids them) keep their
    beginning and a digest, so that two of them never become one."""
    if not given:
        return None
    if len(given) <= 64:
        return given
    return f"{given[:40]}~{hashlib.sha256(given.encode('utf-8', 'replace')).hexdigest()[:20]}"
