"""What disease does to a section: first to its form (mass effect, collections), then to its densities.

Densities and shapes after Osborn, *Osborn's Brain*, and the usual rules of emergency head CT: fresh blood 55-80 HU,
loss of the grey-white border in early ischaemia, hypodensity of 10-22 HU in vasogenic oedema and older infarcts, an
epidural collection is a lens, a subdural one a crescent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from caseindex.demo.anatomy import CSF
from caseindex.demo.head import Deformation, Head, Push
from caseindex.demo.noise import plane, sample
from caseindex.demo.person import ANGLES
from caseindex.records import Float32Array, Side


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to see. ``kind`` is its name in the ground truth; (u, v) its centre (``u`` is positive on the patient's
    left); ``strength`` 0..1 how plain it is; ``phase`` its age (``"acute"``, ``"subacute"``, ``"old"``)."""

    kind: str
    place: str
    u: float
    v: float
    size_mm: float
    strength: float
    phase: str = "acute"
    seed: int = 0

    @property
    def side(self) -> Side | None:
        if abs(self.u) < 0.06:
            return None
        return Side.LEFT if self.u > 0 else Side.RIGHT


UNIT_MM = 72.0  # of (u, v), for an average head


def deform(finding: Finding, form: Deformation) -> None:
    """Adds the finding's mass effect to ``form``."""
    reach = finding.size_mm / UNIT_MM / 2
    if finding.kind in {"hematoma", "tumor"} and finding.phase != "old":
        form.pushes.append(Push(finding.u, finding.v, 0.42 * reach, 2.4 * reach))
        form.effaced.append((finding.u, finding.v, 2.0 * reach, 0.9))
    elif finding.kind == "cyst":
        form.pushes.append(Push(finding.u, finding.v, 0.35 * reach, 2.2 * reach))
    elif finding.kind == "infarct" and finding.phase != "old":
        form.effaced.append((finding.u, finding.v, 1.1 * reach, 0.85 * finding.strength))
        if finding.size_mm > 55:
            form.pushes.append(Push(finding.u, finding.v, 0.10 * reach, 1.6 * reach))
    elif finding.kind == "edema":
        if finding.place == "diffuse":
            form.effaced.append((0.0, 0.0, 1.9, 0.55 + 0.45 * finding.strength))
            form.ventricles *= 0.85 - 0.42 * finding.strength
        else:
            form.effaced.append((finding.u * 1.2, 0.0, 0.8, 1.0))
            form.pushes.append(Push(finding.u * 1.5, 0.0, 0.11 + 0.10 * finding.strength, 0.9))
            form.ventricles *= 0.8
    elif finding.kind in {"epidural", "subdural"}:
        _collect(finding, form)
    elif finding.kind == "subarachnoid":
        form.opened_mm += 0.5 + 0.9 * finding.strength
    elif finding.kind == "atrophy":
        form.older += 0.35 + 0.45 * finding.strength
        form.sulci *= 1.3 + 0.5 * finding.strength
        form.ventricles *= 1.0 + 0.25 * finding.strength
    elif finding.kind == "leukoaraiosis":
        form.older += 0.15 * finding.strength
        form.ventricles *= 1.0 + 0.22 * finding.strength
    elif finding.kind == "hydrocephalus":
        form.ventricles *= 1.9 + 1.1 * finding.strength
        form.effaced.append((0.0, 0.0, 1.9, 0.75))
    elif finding.kind == "scalp":
        centre = np.arctan2(finding.v, finding.u)
        form.swelling_mm += finding.size_mm * np.exp(-((_off(centre) / 0.33) ** 2))


def _off(centre: float) -> Float32Array:
    """[angles] difference from ``centre``, radians, -pi..pi."""
    angle = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)
    return (np.mod(angle - centre + np.pi, 2 * np.pi) - np.pi).astype(np.float32)


def _collection(finding: Finding) -> Float32Array:
    """[angles] depth in mm: a lens (epidural) or a crescent (subdural)."""
    off = np.abs(_off(float(np.arctan2(finding.v, finding.u))))
    if finding.kind == "epidural":
        width = 0.30 + 0.16 * finding.strength
        return (finding.size_mm * np.clip(1 - (off / width) ** 2, 0, 1)).astype(np.float32)
    width = 0.85 + 0.35 * finding.strength
    return (finding.size_mm * np.clip(1 - (off / width) ** 4, 0, 1) ** 0.7).astype(np.float32)


def _collect(finding: Finding, form: Deformation) -> None:
    form.collection_mm += _collection(finding)
    away = float(np.hypot(finding.u, finding.v))
    form.pushes.append(Push(finding.u / away, finding.v / away, 0.004 * finding.size_mm, 0.9))
    form.effaced.append((finding.u / away, finding.v / away, 0.9, 0.8))


def paint(finding: Finding, head: Head) -> None:
    """Draws the finding into ``head.hu`` and marks it in ``head.lesion``."""
    _PAINTERS[finding.kind](finding, head)


def _mark(head: Head, mask: Float32Array) -> None:
    np.maximum(head.lesion, mask, out=head.lesion)


def _mix(head: Head, mask: npt.NDArray[np.floating], value: float | Float32Array) -> None:
    head.hu += mask * (value - head.hu)


def _blob(
    finding: Finding, head: Head, grow_mm: float = 0.0, rough: float = 0.16, soft_mm: float = 2.0
) -> Float32Array:
    """[rows, columns] the finding's irregular body, ``grow_mm`` larger all round."""
    rng = np.random.default_rng(finding.seed)
    radius = (finding.size_mm / 2 + grow_mm) / head.scale_mm
    stretch = float(rng.uniform(0.78, 1.25))
    shape = head.ellipse(
        finding.u,
        finding.v,
        radius * stretch,
        radius / stretch,
        float(rng.uniform(-50, 50)),
        rough=rough,
        seed=finding.seed,
        soft_mm=soft_mm,
    )
    mask = np.zeros_like(head.hu)
    mask[shape[0]] = shape[1]
    return mask * head.ramp(head.depth)


def territory(finding: Finding, head: Head) -> Float32Array:
    """[rows, columns] 0..1: the part of an arterial territory that is ischaemic."""
    side = 1.0 if finding.u > 0 else -1.0
    ragged = sample(plane((finding.seed, 2), 8), (head.u + 1.2) / 2.4, (head.v + 1.2) / 2.4)
    u, v = head.u * side, head.v

    def soft(distance: Float32Array) -> Float32Array:
        return np.clip(distance * head.scale_mm / 5 + 0.5 + 0.55 * ragged, 0, 1)

    size = finding.size_mm / UNIT_MM
    if finding.place == "pca":
        mask = soft(v - 0.36) * soft(u - 0.015) * soft(0.56 - u) * soft(size - np.hypot(u - 0.26, v - 0.72))
    elif finding.place == "aca":
        mask = soft(-0.16 - v) * soft(u - 0.015) * soft(0.29 - u) * soft(size - np.hypot(u - 0.1, v + 0.62))
    elif finding.place == "cerebellum":
        mask = soft(v - 0.34) * soft(u - 0.03) * soft(size * 0.55 - np.hypot(u - 0.42, v - 0.62))
    else:  # the middle cerebral artery: a wedge with its base on the surface
        angle = np.arctan2(v - 0.02, u - 0.14)
        aim = float(np.arctan2(finding.v - 0.02, abs(finding.u) - 0.14))
        width = float(np.clip(size * 0.62, 0.22, 1.0))
        mask = soft((width - np.abs(angle - aim)) * np.hypot(u - 0.14, v)) * soft(u - (0.27 if size < 0.9 else 0.2))
    tissue = (1 - head.ventricular) * head.ramp(head.depth)
    return (mask * tissue).astype(np.float32)


def _infarct(finding: Finding, head: Head) -> None:
    mask = territory(finding, head)
    target = {"acute": 17.5, "subacute": 13.5, "old": 9.0}[finding.phase]
    keep = 1 - head.sulcal * 0.8
    _mix(head, mask * keep * (0.7 + 0.3 * finding.strength), target)
    _mark(head, mask)
    if finding.phase == "acute" and finding.place == "mca" and finding.seed % 3 == 0 and head.level < 0.4:
        side = 1.0 if finding.u > 0 else -1.0
        head.lay(head.hu, head.ellipse(side * 0.27, -0.15, 0.09, 0.016, side * -18), 62)  # hyperdense artery


def _hematoma(finding: Finding, head: Head) -> None:
    rng = np.random.default_rng((finding.seed, 1))
    body = _blob(finding, head)
    if finding.phase == "old":  # resolving: the core fades from its edge, the rim stays dark
        rim = _blob(finding, head, 5.0 + 4 * finding.strength, soft_mm=6)
        _mix(head, 0.85 * rim * (1 - head.ventricular), 15)
        core = _blob(finding, head, -0.22 * finding.size_mm, soft_mm=9)
        _mix(head, core, 41 + 9 * finding.strength)
        _mark(head, rim)
        return
    rim = _blob(finding, head, float(rng.uniform(3.5, 8)), rough=0.2, soft_mm=4)
    _mix(head, 0.8 * rim * (1 - body) * (1 - head.ventricular), 17)
    grain = sample(plane((finding.seed, 3), 10), (head.u + 1) / 2, (head.v + 1) / 2)
    _mix(head, body, 64 + 6 * finding.strength + 2.5 * grain)
    _mark(head, np.maximum(body, 0.6 * rim))
    if finding.place.endswith("+ventricles"):
        below = np.clip((head.v - rng.uniform(-0.5, 0.25)) / 0.1, 0, 1)
        blood = head.ventricular * np.where(head.u * finding.u > -0.01, 1.0, below)
        _mix(head, blood * 0.95, 60)
        _mark(head, blood)


def _subarachnoid(finding: Finding, head: Head) -> None:
    reach = finding.size_mm / UNIT_MM
    near = np.exp(-((((head.u - finding.u) ** 2 + (head.v - finding.v) ** 2) / reach**2) ** 1.5))
    patchy = sample(plane((finding.seed, 4), 7), (head.u + 1) / 2, (head.v + 1) / 2)
    mask = head.sulcal * np.clip(near * (1.25 + 0.35 * patchy), 0, 1) * head.ramp(head.depth_in)
    _mix(head, mask, 54 + 11 * finding.strength)
    _mark(head, mask * (near > 0.4))


def _edema(finding: Finding, head: Head) -> None:
    inside = head.ramp(head.depth) * (1 - head.ventricular)
    if finding.place != "diffuse":
        side = 1.0 if finding.u > 0 else -1.0
        inside = inside * np.clip((head.u * side - 0.03) * head.scale_mm / 6 + 0.5, 0, 1)
        cloud = sample(plane((finding.seed, 5), 4), (head.u + 1.2) / 2.4, (head.v + 1.2) / 2.4)
        inside = inside * np.clip(0.85 + 0.35 * cloud, 0.2, 1)
    _mix(head, inside * (0.62 + 0.3 * finding.strength), 20.5 - 3.0 * finding.strength)
    _mark(head, inside * (head.depth > 2))


def _collection_paint(finding: Finding, head: Head) -> None:
    deep = _collection(finding)[head.angle]
    mask = head.ramp(head.depth_in) * head.ramp(deep - head.depth_in) * np.clip(deep / 1.5, 0, 1)
    density = {"acute": 66.0, "subacute": 44.0, "old": 18.0}[finding.phase]
    grain = sample(plane((finding.seed, 6), 9), (head.u + 1.2) / 2.4, (head.v + 1.2) / 2.4)
    _mix(head, mask, density + 4 * grain)
    _mark(head, mask)


def _contusion(finding: Finding, head: Head) -> None:
    area = _blob(finding, head, 3, rough=0.3, soft_mm=5)
    _mix(head, 0.85 * area, 16)
    salt = sample(plane((finding.seed, 7), 16), (head.u + 0.6) % 1, (head.v + 0.4) % 1)
    core = _blob(finding, head, -1, rough=0.3)
    _mix(head, core * np.clip((salt + 0.35) * 1.6, 0, 1), 63)
    _mark(head, area)


def _cyst(finding: Finding, head: Head) -> None:
    rough = 0.06
    radius = finding.size_mm / 2 / head.scale_mm
    shape = head.ellipse(finding.u, finding.v, radius, radius * 0.85, 30.0, rough=rough, seed=finding.seed, soft_mm=1.3)
    mask = np.zeros_like(head.hu)
    mask[shape[0]] = shape[1]
    mask *= head.ramp(head.depth_in)
    _mix(head, mask, CSF + 0.5)
    _mark(head, mask)


def _lacune(finding: Finding, head: Head) -> None:
    mask = _blob(finding, head, 0, rough=0.12, soft_mm=1.8) * (1 - head.ventricular)
    _mix(head, mask * (0.75 + 0.25 * finding.strength), 10.5)
    _mark(head, mask)


def _leukoaraiosis(finding: Finding, head: Head) -> None:
    import cv2

    spread = (5 + 8 * finding.strength) / abs(float(head.x[0, 1] - head.x[0, 0]))
    near = cv2.GaussianBlur(head.ventricular, (0, 0), spread)
    cloud = sample(plane((finding.seed, 8), 9), (head.u + 1.2) / 2.4, (head.v + 1.2) / 2.4)
    halo = np.clip(near * (4.5 + 1.3 * cloud) * (0.5 + 0.5 * finding.strength), 0, 1)
    if head.level > 0.6:
        for side in (-1.0, 1.0):
            window, mask = head.ellipse(side * 0.30, -0.02, 0.14, 0.46, soft_mm=16)
            fan = min(1.0, (head.level - 0.55) / 0.15) * np.clip(0.75 + 0.5 * cloud[window], 0, 1)
            halo[window] = np.maximum(halo[window], mask * fan)
    halo = halo * (1 - head.ventricular) * (1 - 0.75 * head.grey) * (1 - head.sulcal) * head.ramp(head.depth)
    _mix(head, halo * (0.45 + 0.5 * finding.strength), 14)
    _mark(head, halo * (halo > 0.3))


def _hydrocephalus(finding: Finding, head: Head) -> None:
    import cv2

    near = np.clip(cv2.GaussianBlur(head.ventricular, (0, 0), 6) * 1.6, 0, 1) * (1 - head.ventricular)
    _mix(head, 0.55 * near * finding.strength * head.ramp(head.depth), 15)
    _mark(head, head.ventricular)


def _aneurysm(finding: Finding, head: Head) -> None:
    mask = _blob(finding, head, 0, rough=0.05, soft_mm=1.4)
    _mix(head, mask, 58 + 12 * finding.strength)
    if finding.seed % 3 == 0:  # a calcified wall
        shell = np.clip(mask - _blob(finding, head, -1.3, rough=0.05, soft_mm=1.2), 0, 1)
        _mix(head, shell * (head.u > finding.u), 190)
    _mark(head, mask)


def _tumor(finding: Finding, head: Head) -> None:
    rng = np.random.default_rng((finding.seed, 9))
    fingers = _blob(finding, head, float(rng.uniform(9, 18)), rough=0.42, soft_mm=5)
    _mix(head, 0.85 * fingers * (1 - head.ventricular) * (1 - 0.55 * head.grey), 15)
    body = _blob(finding, head, 0, rough=0.12)
    solid = finding.seed % 2 == 0
    _mix(head, body, 47 if solid else 41)
    if not solid:  # a ring around a necrotic core
        _mix(head, _blob(finding, head, -0.24 * finding.size_mm, rough=0.3, soft_mm=3), 16)
    _mark(head, np.maximum(body, 0.5 * fingers))


def _fracture(finding: Finding, head: Head) -> None:
    """Drawn after the bone, by :func:`paint_bone`; here it has nothing to do."""


def paint_bone(finding: Finding, head: Head) -> None:
    """A fracture line across the vault, after the skull is drawn; any other finding leaves the bone alone."""
    if finding.kind != "fracture":
        return
    centre = float(np.arctan2(finding.v, finding.u))
    off = _off(centre)[head.angle] * head.radius
    slant = np.abs(off + 0.9 * (head.depth_out - 3))
    line = np.clip((1.1 - slant) / 0.8 + 0.5, 0, 1)
    line = line * head.ramp(head.depth_out + 0.5) * (1 - head.ramp(head.depth_in - 0.5))
    _mix(head, 0.9 * line, 60)
    _mark(head, line)


def _scalp(finding: Finding, head: Head) -> None:
    """The form of the scalp is the finding: :func:`deform` has made it."""


def _no_paint(finding: Finding, head: Head) -> None:
    """Atrophy is form alone."""
    _mark(head, head.sulcal * head.ramp(head.depth_in))


_PAINTERS = {
    "infarct": _infarct,
    "hematoma": _hematoma,
    "subarachnoid": _subarachnoid,
    "edema": _edema,
    "epidural": _collection_paint,
    "subdural": _collection_paint,
    "contusion": _contusion,
    "cyst": _cyst,
    "lacune": _lacune,
    "leukoaraiosis": _leukoaraiosis,
    "atrophy": _no_paint,
    "hydrocephalus": _hydrocephalus,
    "aneurysm": _aneurysm,
    "tumor": _tumor,
    "fracture": _fracture,
    "scalp": _scalp,
}
