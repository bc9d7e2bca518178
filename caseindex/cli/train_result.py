"""What every recipe of `caseindex train` prints of a run."""

from __future__ import annotations

from typing import Any

from caseindex.cli.output import say


def say_resumed(result: Any) -> None:
    """To the person, where an unfinished run was gone on with."""
    if result.resumed:
        say(f"caseindex: went on with the unfinished run {result.run.name}")


def as_document(result: Any) -> dict[str, Any]:
    """The fields of a recipe's result, the run's folder as a path."""
    return {**{field: getattr(result, field) for field in result.__slots__}, "run": str(result.run)}
