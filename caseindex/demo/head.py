"""The frame in which a head is drawn: an axial section, its coordinates, and soft shapes laid into it.

Millimetres with x to the patient's left (the right of the picture, as radiologists look at it) and y to the back;
inside the brain also (u, v), in which the brain's surface is the unit circle whatever the head's form. ``level`` goes
from 0 (skull base) to 1 (vertex). Edges are soft over about a millimetre: the partial volume of a thick slice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from caseindex.demo.noise import plane, sample
from caseindex.demo.person import ANGLES, Person
from caseindex.records import Float32Array

Window = tuple[slice, slice]


@dataclass(slots=True)
class Push:
    """Mass effect: what lies around (u, v) moves away from it by up to ``amount``, fading over ``reach``."""

    u: float
    v: float
    amount: float
    reach: float


@dataclass(slots=True)
class Deformation:
    """How disease changes the form before anything is drawn. ``collection_mm``: [angles] depth of what lies between
    skull and brain. ``effaced``: (u, v, reach, strength) of where the folds are pressed shut. ``opened_mm``: how much
    wider they are than normal. ``older``: added to the share by which the brain has shrunk. ``swelling_mm``: [angles]
    of the scalp."""

    pushes: list[Push] = field(default_factory=list)
    collection_mm: Float32Array = field(default_factory=lambda: np.zeros(ANGLES, np.float32))
    ventricles: float = 1.0
    sulci: float = 1.0
    opened_mm: float = 0.0
    older: float = 0.0
    swelling_mm: Float32Array = field(default_factory=lambda: np.zeros(ANGLES, np.float32))
    effaced: list[tuple[float, float, float, float]] = field(default_factory=list)  # u, v, reach, strength


def bump(z: float, low: float, high: float, soft: float = 0.05) -> float:
    """1 between ``low`` and ``high``, 0 outside, linear over ``soft``."""
    return float(np.clip((z - low) / soft + 0.5, 0, 1) * np.clip((high - z) / soft + 0.5, 0, 1))


def section(level: float) -> float:
    """Size of the section at ``level`` over the largest one."""
    if level > 0.42:
        return float(np.sqrt(max(1 - ((level - 0.42) / 0.68) ** 2, 0.05)))
    return 1 - 0.10 * ((0.42 - level) / 0.42) ** 2


class Head:
    """One axial section under construction; every field is [rows, columns] float32.

    ``grey``, ``sulcal`` and ``ventricular`` are shares 0..1 of grey matter and of the two CSF spaces; ``hu`` is valid
    after :func:`~caseindex.demo.anatomy.compose`.
    """

    def __init__(
        self, person: Person, age: float, level: float, x: Float32Array, y: Float32Array, form: Deformation
    ) -> None:
        import cv2

        self.person, self.age, self.level, self.form = person, age, level, form
        self.atrophy = min(person.atrophy(age) + form.older, 1.25)
        radius, angle = cv2.cartToPolar(x, y)
        self.x, self.y, self.radius = x, y, radius
        self.angle = np.minimum((angle * (ANGLES / (2 * np.pi))).astype(np.int32), ANGLES - 1)
        scale = section(level)
        directions = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False, dtype=np.float32)
        cosine, sine = np.cos(directions), np.sin(directions)
        breadth = person.half_breadth_mm * scale * (1 + person.parietal * sine)
        length = person.half_length_mm * (0.25 + 0.75 * scale)
        p = person.squareness
        outline = ((np.abs(cosine) / breadth) ** p + (np.abs(sine) / length) ** p) ** (-1 / p) * (1 + person.contour)
        oblique = 1 + 0.5 * max(level - 0.7, 0) / 0.3  # near the vertex the vault is cut at a slant
        inner = outline - person.vault_mm * oblique
        gap = 0.8 + 3.2 * self.atrophy * form.sulci
        brain = inner - gap - form.collection_mm
        self.depth_out = (outline[self.angle] - radius).astype(np.float32)  # mm below the outer table
        self.depth_in = (inner[self.angle] - radius).astype(np.float32)  # mm below the inner table
        self.depth = (brain[self.angle] - radius).astype(np.float32)  # mm below the brain's surface
        self.vault = np.asarray((outline - inner)[self.angle], np.float32)
        self.scale_mm = float(brain.mean())
        unit = 1 / brain[self.angle]
        self.u, self.v = (x * unit).astype(np.float32), (y * unit).astype(np.float32)
        self.raw_u, self.raw_v = self.u, self.v
        self._deform()
        shape = x.shape
        self.grey = np.zeros(shape, np.float32)
        self.sulcal = np.zeros(shape, np.float32)
        self.ventricular = np.zeros(shape, np.float32)
        self.hu = np.full(shape, -1000, np.float32)
        self.lesion = np.zeros(shape, np.float32)

    def _deform(self) -> None:
        inside = np.clip(1.15 - (self.u**2 + self.v**2), 0, 1)
        sx, sy = (self.u + 1.2) / 2.4, (self.v + 1.2) / 2.4
        du = sample(plane((self.person.warp, 1), 5), sx, sy) * 0.022
        dv = sample(plane((self.person.warp, 2), 5), sx, sy) * 0.026
        for push in self.form.pushes:
            a, b = self.u - push.u, self.v - push.v
            far = np.sqrt(a * a + b * b) + 1e-3
            # nothing moves at the centre; the largest shift is at half the reach
            amount = push.amount * np.exp(-((far / push.reach) ** 2)) * np.minimum(far / (0.4 * push.reach), 1)
            du -= amount * a / far
            dv -= amount * b / far
        self.u = (self.u + du * inside).astype(np.float32)
        self.v = (self.v + dv * inside).astype(np.float32)

    def window(self, u: float, v: float, reach: float) -> Window:
        """The part of the picture that can hold anything within ``reach`` of (u, v)."""
        margin = reach + 0.10 + max((push.amount for push in self.form.pushes), default=0.0)
        near = (np.abs(self.raw_u[::4, ::4] - u) < margin) & (np.abs(self.raw_v[::4, ::4] - v) < margin)
        rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        if not rows.size or not columns.size:
            return slice(0, 0), slice(0, 0)
        return slice(4 * int(rows[0]), 4 * int(rows[-1]) + 4), slice(4 * int(columns[0]), 4 * int(columns[-1]) + 4)

    def ellipse(
        self,
        u: float,
        v: float,
        ru: float,
        rv: float,
        turn: float = 0.0,
        *,
        soft_mm: float = 1.6,
        rough: float = 0.0,
        seed: int = 0,
        bend: float = 0.0,
    ) -> tuple[Window, Float32Array]:
        """A soft ellipse at (u, v) with half axes ``ru``, ``rv``, turned by ``turn`` degrees (clockwise), its edge
        ``rough``, its long axis bent by ``bend``."""
        window = self.window(u, v, max(ru, rv) * (1 + 2 * rough) + abs(bend))
        a, b = self.u[window] - u, self.v[window] - v
        c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
        p, q = c * a + s * b, -s * a + c * b
        if bend:
            p = p - bend * ((q / rv) ** 2 - 0.5)
        distance = np.sqrt((p / ru) ** 2 + (q / rv) ** 2)
        if rough and distance.size:
            distance = distance + rough * sample(plane(seed, 9), (a + 1) / 2, (b + 1) / 2)
        edge = min(ru, rv) * self.scale_mm / soft_mm
        return window, np.clip((1 - distance) * edge + 0.5, 0, 1).astype(np.float32)

    def lay(self, target: Float32Array, shape: tuple[Window, Float32Array], value: float = 1.0) -> None:
        """Mixes ``value`` into ``target`` (a field of this head) by the share that ``shape`` covers."""
        window, mask = shape
        part = target[window]
        part += mask * (value - part)

    def ramp(self, distance_mm: Float32Array, soft_mm: float = 1.2) -> Float32Array:
        """0..1: 1 where ``distance_mm`` is positive."""
        return np.clip(distance_mm / soft_mm + 0.5, 0, 1)
