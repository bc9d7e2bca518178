"""The C library's heap: what a picture took is kept for the next one.

By default glibc gives each large block back to the kernel as soon as it is freed, and the next picture faults every
page in again: a third of the time of a JPEG file, and more than half of the time of a network's forward pass, on a
virtual machine. mallopt(3).
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_MMAP_MAX: Final = -4
_KEPT: Final = 64 << 20  # bytes: what is free beyond this at the end of the heap goes back to the kernel
_OWN_MAPPING: Final = 32 << 20  # bytes, the most that glibc takes: larger blocks go back at once


_EVERYTHING: Final = (1 << 31) - 1


def keep_freed_memory() -> None:
    """For a decoding process: blocks of pictures. Does nothing where the C library is not glibc."""
    _set({_MMAP_THRESHOLD: _OWN_MAPPING, _TRIM_THRESHOLD: _KEPT})


def keep_all_freed_memory() -> None:
    """For a process that runs networks on the CPU, whose activations are larger than glibc ever keeps: no block gets a
    mapping of its own, and nothing goes back to the kernel before the process ends."""
    _set({_MMAP_MAX: 0, _TRIM_THRESHOLD: _EVERYTHING})


def _set(options: dict[int, int]) -> None:
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl has none
        return
    for name, value in options.items():
        mallopt(name, value)
