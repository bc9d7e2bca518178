"""How one examination was made: position in the scanner, field of view, kernel, noise, artefacts, 12-bit numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caseindex.records import Float32Array

MATRIX = 512
DRAWN = 384  # side on which the anatomy is drawn; a scanner resolves no more (0.6 mm)


@dataclass(frozen=True, slots=True)
class Acquisition:
    """One scan. Millimetres, degrees, CT numbers."""

    field_mm: float
    shift_mm: tuple[float, float]
    turn_deg: float
    tilt: float  # how much higher the front of the slice lies than its back, in levels
    noise_hu: float
    sharpness: float  # 0 smooth .. 1 sharp kernel
    offset_hu: float  # calibration of the tube
    cupping_hu: float
    headrest: int  # 0 none in view, 1 thin shell, 2 padded
    seed: int

    @classmethod
    def of(cls, seed: tuple[int, ...]) -> Acquisition:
        rng = np.random.default_rng(seed)
        return cls(
            field_mm=float(rng.choice([215, 220, 225, 230, 240, 250])),
            shift_mm=(float(rng.normal(0, 4)), float(rng.normal(0, 5))),
            turn_deg=float(np.clip(rng.normal(0, 4.0), -11, 11)),
            tilt=float(np.clip(rng.normal(0, 0.035), -0.08, 0.08)),
            noise_hu=float(rng.uniform(1.6, 3.2)),
            sharpness=float(rng.beta(2, 2)),
            offset_hu=float(rng.normal(0, 0.8)),
            cupping_hu=float(rng.uniform(0.5, 3.0)),
            headrest=int(rng.integers(0, 3)),
            seed=int(rng.integers(2**31)),
        )

    def grid(self) -> tuple[Float32Array, Float32Array]:
        """x, y of the head in mm at every drawn pixel, [DRAWN, DRAWN]."""
        axis = (np.arange(DRAWN, dtype=np.float32) + 0.5) * (self.field_mm / DRAWN) - self.field_mm / 2
        a, b = np.meshgrid(axis - self.shift_mm[0], axis - self.shift_mm[1])
        c, s = np.cos(np.deg2rad(self.turn_deg)), np.sin(np.deg2rad(self.turn_deg))
        return (c * a + s * b).astype(np.float32), (-s * a + c * b).astype(np.float32)

    @property
    def pixel_mm(self) -> float:
        return self.field_mm / MATRIX

    def acquire(self, hu: Float32Array, depth_in: Float32Array, base: float, number: int) -> Float32Array:
        """[MATRIX, MATRIX] CT numbers, rounded. ``base`` 0..1: how much of the dense skull base is in the slice."""
        import cv2

        rng = np.random.default_rng((self.seed, number))
        picture = np.clip(hu, -1000, 2500).astype(np.float32)
        brain = np.clip(depth_in / 3, 0, 1)
        # Beam hardening: brain beside bone reads a little higher; between the petrous bones dark bands.
        picture += self.cupping_hu * brain * np.exp(-np.maximum(depth_in, 0) / 7)
        if base > 0:
            rows = (np.arange(DRAWN, dtype=np.float32) - DRAWN * 0.55) / (DRAWN * 0.05)
            band = np.exp(-(rows**2)) * (1 + 0.6 * np.sin(rows * 5 + rng.uniform(0, 6)))
            picture -= (9 * base * band)[:, None] * brain
        picture = cv2.GaussianBlur(picture, (0, 0), 0.55 + 0.45 * (1 - self.sharpness))
        picture = cv2.resize(picture, (MATRIX, MATRIX), interpolation=cv2.INTER_CUBIC)
        if self.sharpness > 0.6:
            amount = 0.5 * (self.sharpness - 0.6)
            picture += amount * (picture - cv2.GaussianBlur(picture, (0, 0), 2.0))
        self._headrest(picture)
        white = rng.standard_normal((MATRIX, MATRIX), dtype=np.float32)
        grain = cv2.GaussianBlur(white, (0, 0), 0.7 + 0.7 * (1 - self.sharpness))
        coarse = cv2.resize(rng.standard_normal((96, 96), dtype=np.float32), (MATRIX, MATRIX))
        inside = cv2.resize(np.clip(depth_in / 60, 0, 1).astype(np.float32), (MATRIX, MATRIX))
        level = self.noise_hu * (0.8 + 0.45 * inside) * (1 + 0.5 * base)
        picture += level * (grain / grain.std() * 0.95 + 0.28 * coarse) + self.offset_hu
        return np.clip(np.rint(picture), -1024, 3071)

    def _headrest(self, picture: Float32Array) -> None:
        if not self.headrest:
            return
        rows, columns = np.ogrid[:MATRIX, :MATRIX]
        mm = self.pixel_mm
        curve = (rows - MATRIX / 2) * mm - (104 - ((columns - MATRIX / 2) * mm) ** 2 / 160)
        air = np.clip((-300 - picture) / 200, 0, 1)
        shell = np.exp(-((curve / 1.3) ** 2))
        if self.headrest == 2:
            shell = np.maximum(shell, 0.12 * np.clip(1 - np.abs(curve + 4) / 5, 0, 1))
        picture += air * shell * (150 + 900 * (self.headrest == 1) * 0.4 + 850)
