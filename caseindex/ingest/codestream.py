"""The size that a compressed frame claims for itself, read from its first markers without decoding it.

The header of the data set can be honest while the codestream in it asks the decoder for gigabytes, or the other way
round: a decoder allocates what the codestream says. JPEG: ITU-T T.81 B.2.2 (SOFn), JPEG-LS: T.87 C.2.2 (SOF55),
JPEG 2000 and HTJ2K: T.800 A.5.1 (SIZ).
"""

from __future__ import annotations

from dataclasses import dataclass

_START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_BARE = {0x01, *range(0xD0, 0xD8)}  # markers without a length


@dataclass(frozen=True, slots=True)
class Codestream:
    rows: int
    columns: int
    components: int
    precision: int  # bits per sample


def read_codestream(frame: bytes) -> Codestream | None:
    """``None`` for a frame that has no such header (RLE, or damaged)."""
    if frame[:2] == b"\xff\xd8":
        return _jpeg(frame)
    at = (
        0 if frame[:4] == b"\xff\x4f\xff\x51" else frame.find(b"\xff\x4f\xff\x51", 0, 4096)
    )  # bare, or inside JP2 boxes
    return _jpeg2000(frame, at + 2) if at >= 0 else None


def _jpeg(frame: bytes) -> Codestream | None:
    at = 2
    while at + 4 <= len(frame):
        if frame[at] != 0xFF:
            return None
        marker = frame[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in _BARE:
            at += 2
            continue
        if marker in _START_OF_FRAME and at + 10 <= len(frame):
            return Codestream(
                rows=int.from_bytes(frame[at + 5 : at + 7], "big"),
                columns=int.from_bytes(frame[at + 7 : at + 9], "big"),
                components=frame[at + 9],
                precision=frame[at + 4],
            )
        if marker in (0xD9, 0xDA):
            return None
        at += 2 + max(2, int.from_bytes(frame[at + 2 : at + 4], "big"))
    return None


def _jpeg2000(frame: bytes, at: int) -> Codestream | None:
    if len(frame) < at + 41:
        return None
    width, height, left, top = (int.from_bytes(frame[at + n : at + n + 4], "big") for n in (6, 10, 14, 18))
    return Codestream(
        rows=max(0, height - top),
        columns=max(0, width - left),
        components=int.from_bytes(frame[at + 38 : at + 40], "big"),
        precision=(frame[at + 40] & 0x7F) + 1,
    )
