"""The C library's heap of a decoding worker: what a picture took is kept for the next one.

By default glibc gives each large block back to the kernel as soon as it is freed, and the next picture faults every
page in again: a third of the time of a JPEG file on a virtual machine. mallopt(3).
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_KEPT: Final = 64 << 20  # bytes: what is free beyond this at the end of the heap goes back to the kernel
_OWN_MAPPING: Final = 32 << 20  # bytes, the most that glibc takes: larger blocks go back at once


def keep_freed_memory() -> None:
    """For this process. Does nothing where the C library is not glibc."""
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl has none
        return
    mallopt(_MMAP_THRESHOLD, _OWN_MAPPING)
    mallopt(_TRIM_THRESHOLD, _KEPT)
