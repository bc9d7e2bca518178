"""Where the description of one frame lies: the frame's own functional group, the shared one, or the data set itself.
PS3.3 C.7.6.16."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from caseindex.ingest.attributes import Attributes

SHARED: Final = 0x52009229
PER_FRAME: Final = 0x52009230

PIXEL_MEASURES: Final = 0x00289110
FRAME_VOI_LUT: Final = 0x00289132
PIXEL_VALUE_TRANSFORMATION: Final = 0x00289145
PLANE_POSITION: Final = 0x00209113
PLANE_ORIENTATION: Final = 0x00209116
FRAME_ANATOMY: Final = 0x00209071


@dataclass(frozen=True, slots=True)
class FrameAttributes:
    root: Attributes
    shared: Attributes | None
    own: Attributes | None

    def group(self, macro: int) -> Attributes:
        """The attributes of one functional group macro as they hold for this frame, else the data set itself."""
        for place in (self.own, self.shared):
            found = place.first(macro) if place is not None else None
            if found is not None:
                return found
        return self.root


def frame_attributes(root: Attributes, frame: int) -> FrameAttributes:
    if PER_FRAME not in root and SHARED not in root:
        return FrameAttributes(root, None, None)
    per_frame = root.items(PER_FRAME)
    return FrameAttributes(root, root.first(SHARED), per_frame[frame] if frame < len(per_frame) else None)
