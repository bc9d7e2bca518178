"""Figures with their intervals as people read them in a table."""

from __future__ import annotations

from collections.abc import Sequence


def span_text(span: Sequence[float] | None) -> str:
    """``0.100 to 0.300``; nothing where there is no interval."""
    return f"{span[0]:.3f} to {span[1]:.3f}" if span else ""
