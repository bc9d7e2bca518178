"""How a recipe tells how far it is: stage by stage, in whatever that stage counts."""

from __future__ import annotations

from collections.abc import Callable

OnProgress = Callable[[str, int, int], None]  # stage, done now, total


def silent(stage: str, done: int, total: int) -> None:
    """For whoever does not want to know."""
