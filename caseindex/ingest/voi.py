"""Values of interest -> 0..1: VOI LUT, window (LINEAR, LINEAR_EXACT, SIGMOID), named CT windows. PS3.3 C.11.2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from caseindex.errors import SettingsError
from caseindex.ingest.attributes import Attributes
from caseindex.ingest.functional_groups import FRAME_VOI_LUT, FrameAttributes
from caseindex.ingest.lut import LookupTable, read_table

Values = npt.NDArray[np.float64]


class Shape(StrEnum):
    """VOI LUT Function (0028,1056)."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


@dataclass(frozen=True, slots=True)
class Window:
    """``center`` and ``width`` in modality units. ``width`` is at least 1 for LINEAR, above 0 for the others."""

    center: float
    width: float
    shape: Shape = Shape.LINEAR

    def __call__(self, values: Values) -> Values:
        """[...] modality units -> [...] in 0..1 (C.11.2.1.2, C.11.2.1.3)."""
        if self.shape is Shape.SIGMOID:
            return 1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - self.center) / self.width, -700.0, 700.0)))
        center, width = self.center, self.width
        if self.shape is Shape.LINEAR:
            center, width = center - 0.5, width - 1.0
        if width <= 0.0:  # LINEAR of width 1: a step
            return (values > center).astype(np.float64)
        return np.clip((values - center) / width + 0.5, 0.0, 1.0)


#: Named CT windows, Hounsfield units.
CT_WINDOWS: Final[dict[str, Window]] = {
    "brain": Window(40, 80),
    "stroke": Window(40, 40),
    "subdural": Window(75, 215),
    "posterior_fossa": Window(40, 150),
    "temporal_bone": Window(600, 2800),
    "lung": Window(-600, 1500),
    "mediastinum": Window(40, 400),
    "soft_tissue": Window(40, 400),
    "abdomen": Window(50, 400),
    "liver": Window(60, 160),
    "angio": Window(300, 600),
    "spine": Window(50, 250),
    "bone": Window(500, 2000),
}
_HEAD: Final = ("HEAD", "BRAIN", "SKULL", "CRANI", "NEURO")
_CHEST: Final = ("CHEST", "LUNG", "THORAX")


def named_window(name: str) -> Window:
    """``"brain"``, or any ``"CENTER/WIDTH"`` in Hounsfield units; :class:`~caseindex.errors.SettingsError` otherwise.

    >>> named_window("lung")
    Window(center=-600, width=1500, shape=<Shape.LINEAR: 'LINEAR'>)
    """
    found = CT_WINDOWS.get(name.strip().lower().replace("-", "_").replace(" ", "_"))
    if found is not None:
        return found
    numbers = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)\s*", name)
    if numbers is not None and float(numbers[2]) >= 1:
        return Window(float(numbers[1]), float(numbers[2]))
    raise SettingsError(
        f"window {name!r}",
        f"not a CT window; known: {', '.join(CT_WINDOWS)}",
        "Give one of these, or CENTER/WIDTH in Hounsfield units such as 40/80",
    )


def default_ct_window(body_part: str | None) -> Window:
    """For a CT image that brings no window of its own."""
    part = body_part or ""
    if any(word in part for word in _HEAD):
        return CT_WINDOWS["brain"]
    if any(word in part for word in _CHEST):
        return CT_WINDOWS["lung"]
    return CT_WINDOWS["soft_tissue"]


@dataclass(frozen=True, slots=True)
class VoiTable:
    table: LookupTable

    def __call__(self, values: Values) -> Values:
        return self.table(values) / float(self.table.top)


def read_voi(frame: FrameAttributes, signed: bool) -> Window | VoiTable | None:
    """The file's own: the first VOI LUT, else its first window; ``None`` where it has no usable one.

    ``signed``: whether modality output can be negative, by which a LUT's first value is read.
    """
    group = frame.group(FRAME_VOI_LUT)
    for place in (group, frame.root):
        item = place.first(0x00283010)
        if item is not None and (table := read_table(item, signed)) is not None:
            return VoiTable(table)
    return _window(group) or _window(frame.root)


def _window(group: Attributes) -> Window | None:
    centers, widths = group.numbers(0x00281050), group.numbers(0x00281051)
    if not centers or not widths:
        return None
    try:
        shape = Shape(group.code(0x00281056) or "LINEAR")
    except ValueError:
        shape = Shape.LINEAR
    if widths[0] < (1.0 if shape is Shape.LINEAR else 1e-12):
        # Some MR and PET files bring 0 < width < 1 without a function: only the exact one can be meant (C.11.2.1.2).
        if shape is Shape.LINEAR and widths[0] > 1e-12:
            return Window(centers[0], widths[0], Shape.LINEAR_EXACT)
        return None
    return Window(centers[0], widths[0], shape)
