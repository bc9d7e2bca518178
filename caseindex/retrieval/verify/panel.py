"""The archive's reported cases as verification learns from them: vectors, claims, patients and kinds, row by row."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from caseindex.errors import NotInArchive
from caseindex.index.archive import Archive
from caseindex.index.comparable import Kind, kind_of
from caseindex.records import Float32Array, Int64Array
from caseindex.retrieval.verify.claims import Claims, claims_of
from caseindex.retrieval.verify.filed import Filed, filed_reports, mean_vector

LEAST = 20  # patients; fewer teach nothing about what a report of this archive says
MOST = 20_000  # reports that are learned from, evenly spread

OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Panel:
    """``vectors``: [n, dim] unit; ``folds``: [n]; ``patients`` and ``kinds`` by row."""

    filed: tuple[Filed, ...]
    vectors: Float32Array
    claims: tuple[Claims, ...]
    patients: tuple[str, ...]
    kinds: tuple[Kind, ...]
    folds: Int64Array

    def __len__(self) -> int:
        return len(self.filed)


def read_panel(
    archive: Archive,
    fingerprint: str,
    *,
    left_out: Collection[str] = frozenset(),
    only: Collection[str] | None = None,
    most: int = MOST,
    on_progress: OnProgress | None = None,
) -> Panel:
    """The embedded images with reports of all patients but those ``left_out`` (or of ``only`` those).

    Raises :class:`~caseindex.errors.NotInArchive` where no reported image has an embedding.
    """
    with archive.store.read() as reader:
        found = [
            (one, vector)
            for one in filed_reports(reader, left_out=left_out)
            if only is None or one.patient in only
            if (vector := mean_vector(reader, fingerprint, one.images)) is not None
        ]
    if not found:
        raise NotInArchive(
            "reports to verify",
            "no report of the archive has an embedded image",
            "Ingest reports, then `caseindex embed`",
        )
    if len(found) > most:
        found = [found[i] for i in np.linspace(0, len(found) - 1, most).round().astype(int)]
    claims = []
    for one, _ in found:
        claims.append(claims_of(one.report.text, one.report.language))
        if on_progress is not None:
            on_progress("reading reports", 1, len(found))
    filed = tuple(one for one, _ in found)
    return Panel(
        filed,
        np.stack([vector for _, vector in found]),
        tuple(claims),
        tuple(one.patient for one in filed),
        tuple(kind_of(one.images[0]) for one in filed),
        np.array([one.fold for one in filed], np.int64),
    )
