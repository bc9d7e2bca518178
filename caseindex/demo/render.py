"""Person + disease + scan -> a CT section in CT numbers, and where its findings are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caseindex.demo.anatomy import draw_healthy
from caseindex.demo.diseases import Disease
from caseindex.demo.head import Deformation, Head
from caseindex.demo.lesions import deform, paint, paint_bone
from caseindex.demo.person import Person
from caseindex.demo.scanner import DRAWN, MATRIX, Acquisition
from caseindex.demo.skull import add_dense, add_skull, compose_brain
from caseindex.records import Float32Array

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels, right and bottom exclusive

#: Findings that reach this far (in levels) above and below their centre; by default as far as they are wide.
_TALL = {"leukoaraiosis", "atrophy", "hydrocephalus", "edema", "subarachnoid", "subdural", "scalp", "fracture"}
LEVEL_MM = 130.0  # from skull base to vertex


@dataclass(frozen=True, slots=True)
class Section:
    """``hu``: [512, 512] float32 CT numbers, whole. ``boxes``: by finding, ``None`` where it is not in the section."""

    hu: Float32Array
    boxes: tuple[Box | None, ...]


def render(person: Person, age: float, disease: Disease, scan: Acquisition, level: float, number: int = 0) -> Section:
    """One section of ``person`` at ``level``. The same arguments give the same numbers."""
    form = Deformation()
    seen = []
    for finding in disease.findings:
        off = abs(level - disease.level)
        reach = 1.0 if finding.kind in _TALL else finding.size_mm / 2 / LEVEL_MM
        if off <= reach:
            deform(finding, form)
            seen.append(finding)
    x, y = scan.grid()
    # A tilted gantry cuts the front of the head higher than its back; structures are drawn at their own level.
    head = Head(person, age, float(np.clip(level + 0.4 * scan.tilt, 0.06, 0.95)), x, y, form)
    draw_healthy(head)
    compose_brain(head)
    boxes = {}
    for finding in seen:
        head.lesion[:] = 0
        paint(finding, head)
        boxes[finding] = _box(head.lesion)
    add_dense(head)
    add_skull(head)
    for finding in seen:
        if finding.kind == "fracture":
            head.lesion[:] = 0
            paint_bone(finding, head)
            boxes[finding] = _box(head.lesion)
    base = float(np.clip((0.2 - level) / 0.12, 0, 1))
    hu = scan.acquire(head.hu, head.depth_in, base, number)
    return Section(hu, tuple(boxes.get(finding) for finding in disease.findings))


def _box(mask: Float32Array) -> Box | None:
    solid = mask > 0.35
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if rows.size < 2 or columns.size < 2:
        return None
    k = MATRIX / DRAWN
    return round(columns[0] * k), round(rows[0] * k), round((columns[-1] + 1) * k), round((rows[-1] + 1) * k)
