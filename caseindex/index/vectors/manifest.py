"""What a derived folder says about itself, so that a damaged or foreign one is an error and never a wrong answer.

Each file is listed with its size and a CRC-32 of every 16 MiB; the manifest carries a SHA-256 of itself. All of it is
verified whenever a folder is opened: zlib's CRC-32 runs at about 4 GB/s and core and leaves the file in the page cache,
where the search wants it anyway, so that checking costs less than reading (0.25 s for 1,000,000 x 512 float32 on two
cores). A verdict kept from an earlier opening would miss bits that turn on the disk, which change no time stamp.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Final
from zlib import crc32

import msgspec
import numpy as np

from caseindex.errors import IndexDamaged, IndexMismatch
from caseindex.index.atomic import storage_error, write_file_atomically

FORMAT_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
CHUNK: Final = 16 << 20  # bytes under one checksum

_REBUILD = "It is derived: delete the folder, or open it through the archive, and it is built again"


class FileSum(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file's size in bytes and the CRC-32 of each :data:`CHUNK` of it."""

    size: int
    crc32: tuple[int, ...]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose vectors these are: the encoder and what was embedded. Empty for an index outside an archive."""

    fingerprint: str = ""
    kind: str = ""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    backend: str
    dim: int
    count: int  # live vectors
    tombstones: int
    largest_id: int
    source: Source
    files: dict[str, FileSum]
    parameters: dict[str, Any] = {}
    metric: str = "cosine"
    format_version: int = FORMAT_VERSION


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    manifest: msgspec.Raw
    sha256: str


class Summing:
    """Writes to a new file and sums up what passes through; :meth:`close` syncs and gives the sums."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: IO[bytes] = open(path, "xb", buffering=1 << 20)  # noqa: SIM115 - closed in close()
        except OSError as error:
            raise storage_error(path, error) or error from error
        self._size = 0
        self._sums: list[int] = []

    def write(self, array: np.ndarray) -> None:
        if not array.size:
            return
        view = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        try:
            self._file.write(view)
        except OSError as error:
            raise storage_error(self.path, error) or error from error
        place = 0
        while place < len(view):
            room = CHUNK - self._size % CHUNK
            part = view[place : place + room]
            if room == CHUNK:
                self._sums.append(0)
            self._sums[-1] = crc32(part, self._sums[-1])
            self._size += len(part)
            place += len(part)

    def close(self) -> FileSum:
        try:
            with self._file:
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as error:
            raise storage_error(self.path, error) or error from error
        return FileSum(self._size, tuple(self._sums))


def write_array(path: Path, array: np.ndarray) -> FileSum:
    """A new raw little-endian file."""
    file = Summing(path)
    try:
        file.write(array)
    finally:
        total = file.close()
    return total


def sum_file(path: Path) -> FileSum:
    """The sums of a file that another library wrote; it is synced too."""
    with path.open("rb") as file:
        sums = []
        size = 0
        while part := file.read(CHUNK):
            sums.append(crc32(part))
            size += len(part)
        os.fsync(file.fileno())
    return FileSum(size, tuple(sums))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    body = msgspec.json.encode(manifest, order="deterministic")
    sealed = _Sealed(msgspec.Raw(body), hashlib.sha256(body).hexdigest())
    write_file_atomically(folder / MANIFEST, msgspec.json.encode(sealed) + b"\n")


def read_manifest(folder: Path, source: Source | None = None) -> Manifest:
    """Raises :class:`~caseindex.errors.IndexDamaged` where it is missing, damaged or of another format, and
    :class:`~caseindex.errors.IndexMismatch` where it was made by another encoder or for another kind than ``source``.
    """
    try:
        raw = (folder / MANIFEST).read_bytes()
        sealed = msgspec.json.decode(raw, type=_Sealed)
        if hashlib.sha256(bytes(sealed.manifest)).hexdigest() != sealed.sha256:
            raise damaged(folder, "its manifest fails its checksum")
        version = msgspec.json.decode(sealed.manifest).get("format_version")
        if version != FORMAT_VERSION:
            raise damaged(folder, f"its format is {version}, this caseindex reads {FORMAT_VERSION}")
        manifest = msgspec.json.decode(sealed.manifest, type=Manifest)
    except OSError as error:
        raise damaged(folder, f"its manifest cannot be read ({error.strerror})") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, AttributeError) as error:
        raise damaged(folder, "its manifest is not what was written") from error
    if any(os.path.basename(name) != name or name in ("", ".", "..") for name in manifest.files):
        raise damaged(folder, "its manifest names a file outside the folder")
    if source is not None and manifest.source != source:
        raise IndexMismatch(
            folder,
            f"built for {manifest.source.kind or 'vectors'} of encoder {manifest.source.fingerprint[:12] or 'unknown'}, "
            f"wanted for {source.kind} of {source.fingerprint[:12]}",
            "Search with that encoder, or run `caseindex embed` with the wanted one",
        )
    return manifest


def verify(folder: Path, manifest: Manifest) -> None:
    """Every file against its sums, on up to four threads; raises :class:`~caseindex.errors.IndexDamaged`."""
    for name, expected in manifest.files.items():
        try:
            size = (folder / name).stat().st_size
        except OSError as error:
            raise damaged(folder / name, f"it cannot be read ({error.strerror})") from error
        if size != expected.size:
            raise damaged(folder / name, f"it has {size:,} bytes instead of {expected.size:,}")
        if len(expected.crc32) != -(-expected.size // CHUNK):
            raise damaged(folder / name, "its manifest does not list all of it")

    def wrong(part: tuple[str, int, int]) -> str | None:
        name, place, expected_sum = part
        try:
            with (folder / name).open("rb", buffering=0) as file:
                file.seek(place * CHUNK)
                return None if crc32(_read(file, CHUNK)) == expected_sum else name
        except OSError:
            return name

    parts = [(name, place, value) for name, file in manifest.files.items() for place, value in enumerate(file.crc32)]
    if len(parts) <= 4:
        found: Iterable[str | None] = map(wrong, parts)
        failed = next((name for name in found if name is not None), None)
    else:
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as threads:
            failed = next((name for name in threads.map(wrong, parts) if name is not None), None)
    if failed is not None:
        raise damaged(folder / failed, "its content fails its checksum")


def _read(file: IO[bytes], size: int) -> bytes:
    parts = []
    while size > 0 and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def damaged(path: Path, reason: str) -> IndexDamaged:
    return IndexDamaged(path, reason, _REBUILD)
