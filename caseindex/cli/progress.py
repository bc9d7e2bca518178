"""A progress bar with rate and time left, on stderr, for whatever takes over two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Advance(Protocol):
    def __call__(self, done: int = 1, *, total: int | None = None) -> None: ...


@contextmanager
def progress(what: str, total: int | None = None, unit: str = "items") -> Iterator[Advance]:
    """Yields ``advance(n)``. On a terminal a bar appears after two seconds; elsewhere (a log) a line every 30 s."""
    start = time.monotonic()
    state = {"done": 0, "total": total, "next": 2.0}
    interactive = sys.stderr.isatty()

    def line() -> str:
        elapsed = time.monotonic() - start
        rate = state["done"] / elapsed if elapsed > 0 else 0.0
        text = f"{what}: {state['done']:,}"
        if state["total"]:
            text += f" of {state['total']:,} ({100 * state['done'] / state['total']:.0f}%)"
        text += f" {unit}, {rate:,.1f}/s"
        if state["total"] and rate > 0:
            left_s = max(0.0, (state["total"] - state["done"]) / rate)
            text += f", {int(left_s // 60)} min {int(left_s % 60):02d} s left"
        return text

    def advance(done: int = 1, *, total: int | None = None) -> None:
        state["done"] += done
        if total is not None:
            state["total"] = total
        elapsed = time.monotonic() - start
        if elapsed >= state["next"]:
            state["next"] = elapsed + (0.2 if interactive else 30.0)
            print(
                ("\r\x1b[2K" if interactive else "") + line(),
                end="" if interactive else "\n",
                file=sys.stderr,
                flush=True,
            )

    try:
        yield advance
    finally:
        if time.monotonic() - start >= 2.0:
            print(("\r\x1b[2K" if interactive else "") + line(), file=sys.stderr, flush=True)
