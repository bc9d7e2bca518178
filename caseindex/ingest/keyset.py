"""A set of 128-bit keys in 16 bytes each, so that millions of inputs can be remembered."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import numpy.typing as npt

UInt64Array = npt.NDArray[np.uint64]
_BUFFER = 8192


class KeySet:
    """Grows only. Keys are 128-bit hashes: two different texts are taken for one with a chance below 1e-24 among a
    million."""

    def __init__(self) -> None:
        self._sorted: UInt64Array = np.empty((0, 2), np.uint64)  # [n, 2], ascending by the first column
        self._recent: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._sorted) + len(self._recent)

    def add(self, *parts: str) -> None:
        key = digest(*parts)
        if not self._has(key):
            self._recent.add(key)
            if len(self._recent) >= max(_BUFFER, len(self._sorted) // 16):
                self._merge()

    def __contains__(self, parts: str | tuple[str, ...]) -> bool:
        return self._has(digest(*((parts,) if isinstance(parts, str) else parts)))

    def _has(self, key: bytes) -> bool:
        if key in self._recent:
            return True
        if not len(self._sorted):
            return False
        high, low = np.frombuffer(key, "<u8")
        column = self._sorted[:, 0]
        at = int(np.searchsorted(column, high))
        while at < len(column) and column[at] == high:
            if self._sorted[at, 1] == low:
                return True
            at += 1
        return False

    def _merge(self) -> None:
        fresh = np.frombuffer(b"".join(sorted(self._recent)), "<u8").reshape(-1, 2)
        joined = np.concatenate([self._sorted, fresh])
        self._sorted = joined[np.argsort(joined[:, 0], kind="stable")]
        self._recent.clear()


def digest(*parts: str) -> bytes:
    """16 bytes over texts; their boundaries count."""
    state = blake2b(digest_size=16)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        state.update(len(raw).to_bytes(8, "little") + raw)
    return state.digest()
