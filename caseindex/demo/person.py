"""A person's anatomy: constant over all of their examinations, so that identity can be learnt from it.

Breadths and thicknesses are in the range of adult craniometry (head breadth about 145-160 mm, length 175-200 mm,
vault thickness 5-9 mm). Everything follows from one seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caseindex.records import Float32Array, Sex

ANGLES = 1440  # samples of a contour around the head; 0.4 mm apart at the skull


@dataclass(frozen=True, slots=True)
class Person:
    """``sulci`` and ``warp`` are the seeds of the folds and of the inner shape; radii and thicknesses in mm."""

    number: int
    sex: Sex
    half_breadth_mm: float
    half_length_mm: float
    squareness: float  # exponent of the superellipse
    parietal: float  # how much wider the head is behind
    contour: Float32Array  # [angles] relative deviation of the outline
    vault_mm: Float32Array  # [angles] thickness of the skull
    scalp_mm: Float32Array  # [angles]
    diploe: float  # 0..1, how loose the middle of the bone is
    ventricles: float  # size at 30 years, about 1
    ventricle_asymmetry: float  # left over right, -0.25..0.25
    frailty: float  # years by which the brain is older than the person
    warp: int
    sulci: int
    pineal_mm: float  # 0: not calcified
    choroid_mm: float
    falx_calcified: bool
    sinus: float  # frontal sinus, 0..1

    @classmethod
    def of(cls, seed: int, number: int) -> Person:
        """The person ``number`` of the archive of ``seed``."""
        rng = np.random.default_rng((seed, 101, number))
        female = rng.random() < 0.48
        scale = 0.96 if female else 1.0
        angle = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)

        def wave(amplitude: float, orders: range) -> Float32Array:
            total = np.zeros(ANGLES)
            for order in orders:
                total += rng.normal(0, amplitude / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
            return total.astype(np.float32)

        ends = np.abs(np.sin(angle)) ** 4  # frontal and occipital bone are thicker
        vault = rng.uniform(4.2, 7.2) * (1 + 0.30 * ends) * (1 + wave(0.10, range(1, 7)))
        scalp = rng.uniform(3.5, 7.5) * (1 + wave(0.12, range(1, 5)))
        return cls(
            number=number,
            sex=Sex.FEMALE if female else Sex.MALE,
            half_breadth_mm=float(np.clip(rng.normal(77, 2.8) * scale, 70, 84)),
            half_length_mm=float(np.clip(rng.normal(93, 3.8) * scale, 83, 103)),
            squareness=float(rng.uniform(2.05, 2.5)),
            parietal=float(rng.uniform(0.02, 0.13)),
            contour=wave(0.022, range(2, 8)),
            vault_mm=np.maximum(vault, 3.0).astype(np.float32),
            scalp_mm=np.maximum(scalp, 2.0).astype(np.float32),
            diploe=float(rng.uniform(0.15, 0.8)),
            ventricles=float(np.clip(rng.normal(1.0, 0.14), 0.7, 1.4)),
            ventricle_asymmetry=float(np.clip(rng.normal(0, 0.09), -0.25, 0.25)),
            frailty=float(np.clip(rng.normal(0, 9), -16, 16)),
            warp=int(rng.integers(2**31)),
            sulci=int(rng.integers(2**31)),
            pineal_mm=float(rng.uniform(1.0, 2.6)) if rng.random() < 0.55 else 0.0,
            choroid_mm=float(rng.uniform(1.0, 3.0)) if rng.random() < 0.6 else 0.0,
            falx_calcified=bool(rng.random() < 0.12),
            sinus=float(rng.uniform(0, 1)),
        )

    @property
    def patient_id(self) -> str:
        return f"SYN-{self.number:04d}"

    def atrophy(self, age: float) -> float:
        """0 (young) .. 1: how far the brain has shrunk at this age."""
        return float(np.clip((age + self.frailty - 38) / 50, 0, 1))
