"""What C libraries print while they decode: kept from the terminal, and told in the detail of a rejection.

libjpeg, OpenJPEG, GDCM and libtiff write to the standard error stream of the process, past Python. In a worker that
stream is a pipe to itself: read after each job, dropped where it overflows. Decoders are given the compressed pixels
only, never the header, so nothing personal can be in their words.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from typing import Final

_AT_MOST: Final = 64 << 10  # bytes of a job that are looked at
_SHOWN: Final = 120  # characters
_PLAIN: Final = re.compile(r"[^\x20-\x7e]+")
_LOG_HEAD: Final = re.compile(r"^\[\s*\w+:\d+@[\d.]+\]\s*\w+\s+\S+:\d+\s+\w+\s*")  # of OpenCV: level, seconds, place
_PATHS: Final = re.compile(r"\S*/\S+")

_pipe: int | None = None


def capture() -> None:
    """From now on descriptor 2 of this process is read by :func:`drain`. For worker processes only."""
    global _pipe
    if _pipe is not None:
        return
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)  # a decoder that says more than the pipe holds must not wait for a reader
    sys.stderr.flush()
    os.dup2(writing, 2)
    os.close(writing)
    _pipe = reading


def drain() -> str:
    """The first thing that was said since the last call, in one short line; empty where there was nothing."""
    if _pipe is None:
        return ""
    said = b""
    with contextlib.suppress(BlockingIOError):
        while len(said) < _AT_MOST and (part := os.read(_pipe, _AT_MOST)):
            said += part
    lines = (_PLAIN.sub(" ", line.decode("ascii", "replace")).strip() for line in said.splitlines())
    first = next((line for line in lines if line), "")
    return _PATHS.sub("", _LOG_HEAD.sub("", first))[:_SHOWN].strip()
