"""One stored frame -> the 8-bit picture, in the order of PS3.4 N.2: modality transform, values of interest, polarity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from caseindex.ingest.colour import YBR, YBR_PARTIAL, is_grey, read_palette, ybr_full_to_rgb, ybr_partial_to_rgb
from caseindex.ingest.content import content_score
from caseindex.ingest.functional_groups import FrameAttributes
from caseindex.ingest.native_frames import Stored, significant_bits
from caseindex.ingest.pixel_format import PixelFormat
from caseindex.ingest.rescale import ModalityTransform, read_modality_transform
from caseindex.ingest.voi import VoiTable, Window, default_ct_window, named_window, read_voi
from caseindex.records import PixelArray

Values = npt.NDArray[np.float64]
AIR_HU: Final = -930.0  # above the noise of air, below aerated lung
_ENTRIES: Final = 65536


@dataclass(frozen=True, slots=True)
class Picture:
    """``pixels``: [rows, columns] or [rows, columns, 3] uint8; ``voi`` names what mapped the values."""

    pixels: PixelArray
    content_score: float
    voi: str


def render(
    stored: Stored,
    shape: PixelFormat,
    photometric: str,
    frame: FrameAttributes,
    *,
    modality: str | None,
    body_part: str | None,
    window: str | None,
) -> Picture | None:
    """``None`` where no two pixels differ. ``window``: a named CT window instead of the file's own, for CT only."""
    if stored.ndim == 3:
        pixels = _colour(stored, shape, photometric)
        return _picture(pixels, "colour")
    stored = significant_bits(stored, shape)
    if photometric == "PALETTE COLOR" and stored.dtype.kind in "iu":
        palette = read_palette(frame.root, shape.signed)
        if palette is not None:
            table, first = palette
            return _picture(table[np.clip(stored.astype(np.int64) - first, 0, len(table) - 1)], "palette")
    return _monochrome(stored, shape, photometric, frame, modality, body_part, window)


def _picture(pixels: PixelArray, voi: str) -> Picture | None:
    if is_grey(pixels):
        pixels = np.ascontiguousarray(pixels[..., 0])
    if pixels.min() == pixels.max():
        return None
    return Picture(np.ascontiguousarray(pixels), content_score(pixels), voi)


def _colour(stored: Stored, shape: PixelFormat, photometric: str) -> PixelArray:
    stored = significant_bits(stored[..., :3], shape)
    if stored.dtype.itemsize > 1:
        if stored.dtype.kind == "f":
            low, high = float(np.nanmin(stored)), float(np.nanmax(stored))
            stored = np.nan_to_num((stored - low) * (255.0 / (high - low or 1.0)))
        else:
            stored = stored >> max(0, shape.stored - 8)
        stored = np.clip(stored, 0, 255).astype(np.uint8)
    stored = stored.astype(np.uint8, copy=False)
    if photometric in YBR:
        return ybr_full_to_rgb(stored)
    if photometric in YBR_PARTIAL:
        return ybr_partial_to_rgb(stored)
    return stored


def _monochrome(
    stored: Stored,
    shape: PixelFormat,
    photometric: str,
    frame: FrameAttributes,
    modality: str | None,
    body_part: str | None,
    window: str | None,
) -> Picture | None:
    low, high = _range(stored)
    if low is None or high is None or low == high:
        return None
    transform = read_modality_transform(frame, shape.signed)
    padding = _padding(frame, shape, low, high)
    signed_output = transform.table is None and (transform(np.asarray([low, high], np.float64)) < 0).any()
    is_hu = modality == "CT" and transform.given and transform.unit in (None, "HU") and shape.stored > 8
    own = read_voi(frame, bool(signed_output))
    voi: Window | VoiTable | _Span | None = own
    name = "voi_lut" if isinstance(own, VoiTable) else "window"
    if is_hu and window is not None:
        voi, name = named_window(window), window
    elif own is None and is_hu:
        voi, name = default_ct_window(body_part), "default_ct_window"
    invert = photometric == "MONOCHROME1" or frame.root.code(0x20500020) == "INVERSE"

    pixels: PixelArray | None = None
    if voi is not None:
        pixels = _apply(stored, low, high, transform, voi, invert, padding)
        if pixels.min() == pixels.max():
            pixels = None  # the window misses every value; the picture is there all the same
    if pixels is None:
        unpadded = _unpadded_range(stored, low, high, padding)
        if unpadded is None:
            return None
        ends = transform(np.asarray(unpadded, np.float64))
        if transform.table is not None:
            ends = (
                transform(np.arange(unpadded[0], unpadded[1] + 1, dtype=np.float64)) if high - low < _ENTRIES else ends
            )
        voi, name = _Span(float(ends.min()), float(ends.max())), "min_max"
        pixels = _apply(stored, low, high, transform, voi, invert, padding)
        if pixels.min() == pixels.max():
            return None
    score = _hounsfield_content(stored, transform) if is_hu else content_score(pixels)
    return Picture(pixels, score, name)


@dataclass(frozen=True, slots=True)
class _Span:
    """Linear from the lowest value to the highest."""

    low: float
    high: float

    def __call__(self, values: Values) -> Values:
        span = self.high - self.low
        return np.clip((values - self.low) / span, 0.0, 1.0) if span > 0 else np.zeros_like(values)


def _range(stored: Stored) -> tuple[float | None, float | None]:
    """Lowest and highest finite value; integers stay exact."""
    if stored.dtype.kind in "iu":
        return int(stored.min()), int(stored.max())
    finite = stored[np.isfinite(stored)]
    return (float(finite.min()), float(finite.max())) if finite.size else (None, None)


def _padding(frame: FrameAttributes, shape: PixelFormat, low: float, high: float) -> tuple[float, float] | None:
    """The stored values that stand for "no pixel" (PS3.3 C.7.5.1.1.2), lowest and highest; ``None`` unless they lie at
    an end of the values: a padding value amid them is an error of the file, and would punch holes into anatomy."""
    binary = "SS" if shape.signed else "US"
    value = frame.root.number(0x00280120, binary)
    if value is None:
        return None
    limit = frame.root.number(0x00280121, binary)
    if shape.signed and shape.allocated <= 16:  # an explicit VR of US over a signed image
        value = _as_signed(value, shape.allocated)
        limit = None if limit is None else _as_signed(limit, shape.allocated)
    ends = sorted((value, value if limit is None else limit))
    return (ends[0], ends[1]) if ends[0] <= low <= ends[1] or ends[0] <= high <= ends[1] else None


def _as_signed(value: float, bits: int) -> float:
    return value - (1 << bits) if value >= 1 << (bits - 1) else value


def _unpadded_range(
    stored: Stored, low: float, high: float, padding: tuple[float, float] | None
) -> tuple[float, float] | None:
    if padding is None:
        return low, high
    inside = stored[(stored < padding[0]) | (stored > padding[1])]
    if inside.dtype.kind == "f":
        inside = inside[np.isfinite(inside)]
    return (inside.min().item(), inside.max().item()) if inside.size else None


def _apply(
    stored: Stored,
    low: float,
    high: float,
    transform: ModalityTransform,
    voi: Window | VoiTable | _Span,
    invert: bool,
    padding: tuple[float, float] | None,
) -> PixelArray:
    if stored.dtype.kind in "iu" and high - low < _ENTRIES and stored.dtype.itemsize <= 2:
        # One pass over the pixels, however many steps: the whole chain is worked out once per value that occurs.
        values = np.arange(int(low), int(high) + 1, dtype=np.int64)
        table = np.zeros(_ENTRIES if stored.dtype.itemsize == 2 else 256, np.uint8)
        table[values & (len(table) - 1)] = _levels(values, transform, voi, invert, padding)
        words = np.ascontiguousarray(stored)
        if words.dtype.byteorder == ">":
            words = words.astype(words.dtype.newbyteorder("="))
        return _looked_up(table, words.view(f"u{words.dtype.itemsize}"))
    return _levels(stored, transform, voi, invert, padding)


def _looked_up(table: PixelArray, at: npt.NDArray[Any]) -> PixelArray:
    """``table[at]``, by OpenCV where it can: numpy makes 64-bit numbers of the indices first."""
    import cv2

    try:
        found: PixelArray = cv2.LUT(at, table).reshape(at.shape)
    except cv2.error:  # before OpenCV 5: no tables of 16 bits
        return np.take(table, at)
    return found


def _levels(
    values: npt.NDArray[Any],
    transform: ModalityTransform,
    voi: Window | VoiTable | _Span,
    invert: bool,
    padding: tuple[float, float] | None,
) -> PixelArray:
    """[...] stored values -> [...] uint8, rounded to the nearest level. Padding, and what is not finite, is black."""
    unusable = ~np.isfinite(values) if values.dtype.kind == "f" else None
    if unusable is not None:
        values = np.where(unusable, 0.0, values)
    with np.errstate(all="ignore"):  # a slope of 1e300 overflows, and that is black
        shade = np.nan_to_num(voi(transform(values)), nan=0.0)
    if invert:
        shade = 1.0 - shade
    levels = np.rint(shade * 255.0).astype(np.uint8)
    if padding is not None:
        levels[(values >= padding[0]) & (values <= padding[1])] = 0
    if unusable is not None:
        levels[unusable] = 0
    return levels


def _hounsfield_content(stored: Stored, transform: ModalityTransform) -> float:
    rows, columns = stored.shape
    thinned = stored[:: max(1, rows // 128), :: max(1, columns // 128)]
    return float(np.mean(transform(thinned) > AIR_HU))
