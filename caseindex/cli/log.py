"""What the library warns of, as lines to stderr: each once, without level and time."""

from __future__ import annotations

import logging
import sys


class Once(logging.Handler):
    """Prints a message the first time."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message not in self._told:
            self._told.add(message)
            print(f"caseindex: {message}", file=sys.stderr)


def to_stderr() -> None:
    """Of the `caseindex` loggers alone; those of other libraries are left as they are."""
    logger = logging.getLogger("caseindex")
    if not any(isinstance(handler, Once) for handler in logger.handlers):
        logger.addHandler(Once())
        logger.propagate = False
