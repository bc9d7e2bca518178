"""What an ingest did."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """Each input (a file, a member of a zip, a row of a manifest or of a report table, a report of a layout) counts
    once: ``taken`` (new), ``updated`` (known pixels with other metadata or another report), ``unchanged``, or under
    its reason in ``rejected``, where an object that broke off after some good frames counts too. ``images`` and ``reports`` count the new records: a multi-frame object is one input
    and many images, a report beside an image is no input of its own."""

    taken: int = 0
    unchanged: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    updated: int = 0
    images: int = 0
    reports: int = 0
