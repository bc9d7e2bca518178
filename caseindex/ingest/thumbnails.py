"""Small pictures for result pages: derived, one JPEG per image, named so that nothing personal is in the name.

Behind the end of the JPEG, where no decoder looks, stands a checksum: a damaged one is no picture.
"""

from __future__ import annotations

import contextlib
import os
from hashlib import sha256
from pathlib import Path
from typing import Final

from caseindex.records import PixelArray

LONGER_SIDE: Final = 256  # pixels
_QUALITY: Final = 85
_END_OF_JPEG: Final = b"\xff\xd9"
_MARK: Final = b"caseindex"  # before the checksum
_CHECKSUM_BYTES: Final = 16  # of the SHA-256 of the JPEG
_WRITE: Final = os.O_WRONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def thumbnail_path(folder: Path, image_uid: str) -> Path:
    """Where the thumbnail of an image lies: ``ab/abcdef....jpg``, the SHA-256 of its UID."""
    name = sha256(image_uid.encode("utf-8", "surrogatepass")).hexdigest()
    return folder / name[:2] / f"{name}.jpg"


def shrink(pixels: PixelArray) -> PixelArray:
    """[rows, columns(, 3)] -> the same with the longer side at most :data:`LONGER_SIDE`, by area averaging. By halves
    first, which takes a fourth of the time; an odd last row or column is left out of a half."""
    import cv2

    while max(pixels.shape[:2]) >= 2 * LONGER_SIDE and min(pixels.shape[:2]) > 1:
        rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
        pixels = cv2.resize(pixels[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA)
    rows, columns = pixels.shape[:2]
    scale = LONGER_SIDE / max(rows, columns)
    if scale >= 1:
        return pixels
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    smaller: PixelArray = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return smaller


def write_new(path: Path, pixels: PixelArray, content: str) -> None:
    """Writes the thumbnail into its place, or, where one is there already, beside it under a name with ``content`` (the
    SHA-256 of its file): which of two counts is not known before the commit. Not synced: it can be made again."""
    import cv2

    smaller = shrink(pixels)
    if smaller.ndim == 3:
        smaller = smaller[..., ::-1]
    encoded, data = cv2.imencode(".jpg", smaller, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not encoded:
        raise ValueError(f"no JPEG of {smaller.shape}")
    try:
        descriptor = _opened(path, content)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _opened(path, content)
    with open(descriptor, "wb", buffering=0) as file:
        file.write(sealed(data.tobytes()))


def sealed(jpeg: bytes) -> bytes:
    """The JPEG with its checksum behind it."""
    return jpeg + _MARK + sha256(jpeg).digest()[:_CHECKSUM_BYTES]


def is_damaged(data: bytes) -> bool:
    """Whether the bytes of a thumbnail fail their checksum, or were cut off before it. A bare JPEG (of an archive made
    before there were checksums) is none that can be told damaged.

    >>> is_damaged(sealed(b"jpeg")), is_damaged(sealed(b"jpeg")[:-1]), is_damaged(b"y" + sealed(b"jpeg"))
    (False, True, True)
    """
    end = len(data) - _CHECKSUM_BYTES
    jpeg = data[: max(0, end - len(_MARK))]
    return data != sealed(jpeg) and not data.endswith(_END_OF_JPEG)


def accept_new(path: Path, content: str) -> bool:
    """The record is about to be committed: puts what waits beside the place of its thumbnail into it, by one rename.
    False where nothing waits: it was written into its place."""
    try:
        os.replace(_new(path, content), path)
    except OSError:
        return False
    return True


def discard_new(path: Path, content: str, *, replaced: bool) -> None:
    """The record was not taken. ``replaced``: what it may have written into the place was replaced by
    :func:`accept_new` since."""
    try:
        os.unlink(_new(path, content))
    except OSError:
        if not replaced:
            with contextlib.suppress(OSError):
                os.unlink(path)


def _opened(path: Path, content: str) -> int:
    try:
        return os.open(path, _WRITE | os.O_EXCL, 0o666)
    except FileExistsError:
        return os.open(_new(path, content), _WRITE | os.O_TRUNC, 0o666)


def _new(path: Path, content: str) -> str:
    return f"{path}.{content[:16]}.new"


def read_thumbnail(path: Path) -> PixelArray | None:
    """[rows, columns] or [rows, columns, 3] uint8, or ``None`` where there is none (or a damaged one)."""
    import cv2
    import numpy as np

    try:
        data = path.read_bytes()
    except OSError:
        return None
    found = None if is_damaged(data) else cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None:
        return None
    pixels: PixelArray = found[..., ::-1].copy() if found.ndim == 3 else found
    return pixels
