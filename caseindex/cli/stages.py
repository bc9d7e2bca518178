"""Progress of work that has several stages, one bar after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from caseindex.cli.progress import progress


@contextmanager
def stages(units: dict[str, str] | None = None) -> Iterator[Callable[[str, int, int], None]]:
    """Gives ``advance(stage, done now, total)``; a new stage closes the bar before it. ``units``: by stage."""
    names = units or {}
    with ExitStack() as stack:
        bars: dict[str, Callable[..., None]] = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                stack.close()
                bars[stage] = stack.enter_context(progress(stage, total, names.get(stage, "items")))
            bars[stage](done, total=total)

        yield advance
