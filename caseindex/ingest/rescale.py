"""Stored values -> modality units (Hounsfield for CT): rescale slope and intercept, or a modality LUT. PS3.3 C.11.1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from caseindex.ingest.attributes import Attributes
from caseindex.ingest.functional_groups import PIXEL_VALUE_TRANSFORMATION, FrameAttributes
from caseindex.ingest.lut import LookupTable, read_table


@dataclass(frozen=True, slots=True)
class ModalityTransform:
    """``given`` is false where the file has neither, and the stored values are taken as they are."""

    slope: float = 1.0
    intercept: float = 0.0
    table: LookupTable | None = None
    unit: str | None = None  # Rescale Type: HU, US (unspecified), OD, ...
    given: bool = False

    def __call__(self, stored: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        if self.table is not None:
            return self.table(stored).astype(np.float64)
        with np.errstate(over="ignore"):  # a slope of 1e308 is one of hostile files
            return stored.astype(np.float64) * self.slope + self.intercept

    @property
    def is_linear(self) -> bool:
        return self.table is None


def read_modality_transform(frame: FrameAttributes, signed: bool) -> ModalityTransform:
    """A LUT wins over slope and intercept (a file must not have both). A slope of zero is an error of the file and
    is taken as 1: it would make every image constant."""
    item: Attributes | None = frame.root.first(0x00283000)
    if item is not None and (table := read_table(item, signed)) is not None:
        return ModalityTransform(table=table, unit=item.code(0x00283004), given=True)
    group = frame.group(PIXEL_VALUE_TRANSFORMATION)
    slope, intercept = group.number(0x00281053), group.number(0x00281052)
    if slope is None and intercept is None:
        return ModalityTransform()
    return ModalityTransform(
        slope=slope if slope else 1.0, intercept=intercept or 0.0, unit=group.code(0x00281054), given=True
    )
