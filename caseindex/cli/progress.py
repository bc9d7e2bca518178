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
    """Yields ``advance(n)``. On a terminal a bar appears after two seconds; elsewhere (a log) a line every 30 s. The
    last line tells what was done, without an estimate of the total."""
    start = time.monotonic()
    so_far = 0
    expected = total
    next_line_s = 2.0
    interactive = sys.stderr.isatty()

    def line(at_end: bool = False) -> str:
        elapsed = time.monotonic() - start
        rate = so_far / elapsed if elapsed > 0 else 0.0
        text = f"{what}: {so_far:,}"
        if expected and not at_end:
            text += f" of {expected:,} ({100 * so_far / expected:.0f}%)"
        text += f" {unit}, {rate:,.1f}/s"
        if at_end:
            text += f", {int(elapsed // 60)} min {int(elapsed % 60):02d} s"
        elif expected and rate > 0:
            left_s = max(0.0, (expected - so_far) / rate)
            text += f", {int(left_s // 60)} min {int(left_s % 60):02d} s left"
        return text

    def advance(done: int = 1, *, total: int | None = None) -> None:
        nonlocal so_far, expected, next_line_s
        so_far += done
        expected = expected if total is None else total
        elapsed = time.monotonic() - start
        if elapsed >= next_line_s:
            next_line_s = elapsed + (0.2 if interactive else 30.0)
            print(
                ("\r\x1b[2K" if interactive else "") + line(),
                end="" if interactive else "\n",
                file=sys.stderr,
                flush=True,
            )

    finished = False
    try:
        yield advance
        finished = True
    finally:
        if time.monotonic() - start >= 2.0:
            print(("\r\x1b[2K" if interactive else "") + line(at_end=finished), file=sys.stderr, flush=True)
