"""The healthy head at any level: folds, grey and white matter, ventricles, cisterns, skull, scalp.

CT numbers after Brant & Helms, *Fundamentals of Diagnostic Radiology*, ch. 2: CSF 0-12, white matter 25-32, grey matter
35-42, dura and venous blood 45-60, calcification above 100, bone 400-1500, fat -100.
"""

from __future__ import annotations

import numpy as np

from caseindex.demo.head import Head, bump
from caseindex.demo.noise import plane, ring, sample
from caseindex.records import Float32Array

WHITE, GREY, CSF = 26.5, 37.5, 6.0
SIDES = (-1.0, 1.0)  # the patient's right is on the left of the picture


def draw_healthy(head: Head) -> None:
    """Fills ``grey``, ``sulcal`` and ``ventricular``."""
    _cortex(head)
    _midline(head)
    _deep_grey(head)
    _lateral_ventricles(head)
    _base(head)


def effacement(head: Head) -> Float32Array:
    """[rows, columns] 0..1: how far the folds are pressed shut here."""
    total = np.zeros_like(head.u)
    for u, v, reach, strength in head.form.effaced:
        total = np.maximum(total, strength * np.exp(-((((head.u - u) ** 2 + (head.v - v) ** 2) / reach**2) ** 2)))
    return total


def _cortex(head: Head) -> None:
    person, z = head.person, head.level
    rho2 = head.u**2 + head.v**2
    depth = np.clip((1 - np.sqrt(rho2)) * head.scale_mm, -5, 60).astype(np.float32)
    swirl = sample(plane((person.sulci, 5), 8), (head.u + 1.2) / 2.4, (head.v + 1.2) / 2.4)
    turn = np.mod(head.angle / np.float32(1440) + 0.016 * swirl, 1).astype(np.float32)
    inwards = np.clip(depth / 34, 0, 1)
    phase = 9.0 * z  # the folds change slowly from level to level
    first = sample(ring((person.sulci, 1), 46, 2), turn, inwards)
    second = sample(ring((person.sulci, 2), 46, 2), turn, inwards)
    height = np.cos(phase) * first + np.sin(phase) * second
    fold_mm = np.abs(height) / (_slope(height) + 1e-3) * (abs(float(head.x[0, 1] - head.x[0, 0])) + 1e-3)
    reach = sample(ring((person.sulci, 3), 17, 2), turn, inwards) * 4.5 + 14 + 15 * max(z - 0.55, 0) / 0.45
    open_mm = (0.75 + 2.0 * head.atrophy * head.form.sulci + head.form.opened_mm) * (1 - effacement(head))
    width_mm = 0.5 * open_mm * np.clip(1.3 - depth / (1.6 * reach), 0.3, 1.3)
    within = np.clip((reach - depth) / 5 + 0.5, 0, 1)
    sulci = np.clip((width_mm - fold_mm) / 1.0 + 0.4, 0, 1) * within * np.minimum(open_mm / 0.7, 1)
    head.sulcal = sulci.astype(np.float32)
    ribbon = np.maximum(
        np.clip((3.4 + width_mm - fold_mm) / 2 + 0.5, 0, 1) * within, np.clip((4.2 - depth) / 2.5 + 0.5, 0, 1)
    )
    head.grey = np.maximum(head.grey, ribbon.astype(np.float32))
    # the space between the brain's surface and the skull
    head.sulcal = np.maximum(head.sulcal, head.ramp(-head.depth, 1.0)).astype(np.float32)


def _slope(field: Float32Array) -> Float32Array:
    """Length of the gradient, per pixel: divides a height into a distance to where it is zero."""
    down, across = np.gradient(field)
    return np.sqrt(down * down + across * across).astype(np.float32)


def _midline(head: Head) -> None:
    """The interhemispheric fissure with the cortex on both of its banks."""
    z, wave = head.level, 0.012 * sample(plane((head.person.warp, 7), 6), (head.v + 1) / 2, head.v * 0 + 0.5)
    off = np.abs(head.u - wave) * head.scale_mm
    front, back = (-0.42, 0.62) if z < 0.55 else (-0.42 + (z - 0.55) * 2.6, 0.62 - (z - 0.55) * 3.2)
    if z < 0.17:
        front, back = -0.62, 2.0
    there = np.clip((front - head.v) / 0.06 + 0.5, 0, 1) + np.clip((head.v - back) / 0.06 + 0.5, 0, 1)
    there = np.ones_like(there) if z > 0.76 else np.minimum(there, 1)
    half_mm = (0.5 + 1.6 * head.atrophy) * (1 + 0.8 * np.clip(-head.v - 0.5, 0, 1)) * (1 - 0.8 * effacement(head))
    head.sulcal = np.maximum(head.sulcal, np.clip((half_mm - off) / 1.1 + 0.5, 0, 1) * there).astype(np.float32)
    head.grey = np.maximum(head.grey, np.clip((half_mm + 3.6 - off) / 2 + 0.5, 0, 1) * there).astype(np.float32)


def _deep_grey(head: Head) -> None:
    z = head.level
    nuclei = bump(z, 0.33, 0.55, 0.06)
    if nuclei > 0:
        for s in SIDES:
            for u, v, ru, rv, turn in (
                (0.155, -0.27, 0.062, 0.125, 12),  # caudate head
                (0.335, -0.06, 0.085, 0.215, -14),  # lentiform nucleus
                (0.155, 0.16, 0.125, 0.175, -22),  # thalamus
                (0.52, -0.04, 0.03, 0.26, -4),  # insula
            ):
                head.lay(head.grey, head.ellipse(s * u, v, ru, rv, s * turn, soft_mm=4), 0.95 * nuclei)
    tail = bump(z, 0.52, 0.68, 0.05)
    if tail > 0:
        for s in SIDES:
            head.lay(head.grey, head.ellipse(s * 0.20, -0.12, 0.035, 0.24, s * -6, soft_mm=3), 0.9 * tail)


def _lateral_ventricles(head: Head) -> None:
    z, person = head.level, head.person
    size = person.ventricles * (0.72 + 0.62 * head.atrophy) * head.form.ventricles
    horns, bodies = bump(z, 0.33, 0.53, 0.05), bump(z, 0.50, 0.735, 0.06)
    for s in SIDES:
        k = size * (1 + s * person.ventricle_asymmetry)
        wide = k**0.85
        if horns > 0:
            grow = horns * wide
            horn = head.ellipse(
                s * (0.075 + 0.030 * k), -0.29, 0.048 * grow, 0.105 * k**0.4, s * 19, bend=s * 0.026, soft_mm=2
            )
            head.lay(head.ventricular, horn)
            atrium = head.ellipse(
                s * (0.285 + 0.015 * k), 0.40, 0.046 * grow, 0.125 * k**0.45, s * 24, bend=s * 0.035, soft_mm=2
            )
            head.lay(head.ventricular, atrium)
        if bodies > 0:
            grow = bodies * wide * (1.0 if z < 0.66 else 0.8)
            head.lay(
                head.ventricular,
                head.ellipse(s * (0.075 + 0.03 * k), -0.14, 0.056 * grow, 0.27, s * 7, bend=s * 0.03, soft_mm=2),
            )
            head.lay(
                head.ventricular,
                head.ellipse(s * (0.165 + 0.04 * k), 0.22, 0.058 * grow, 0.185, s * -26, bend=s * -0.02, soft_mm=2),
            )
    third = bump(z, 0.27, 0.52, 0.04)
    if third > 0:
        narrow = (0.014 + 0.016 * head.atrophy) * head.form.ventricles**1.1 * person.ventricles
        head.lay(head.ventricular, head.ellipse(0, 0.05, narrow, 0.14, soft_mm=1.6), min(1.0, third + 0.1))
    if z < 0.34:  # temporal horns: slits unless the ventricles are wide
        for s in SIDES:
            width = 0.012 * max(size, 0.6) ** 2.2
            head.lay(
                head.ventricular, head.ellipse(s * 0.47, 0.02, width, 0.10, s * 28, soft_mm=1.8), bump(z, 0.14, 0.33)
            )
    fourth = bump(z, 0.04, 0.20, 0.05)
    if fourth > 0:
        k = (0.8 + 0.4 * head.atrophy) * head.form.ventricles**0.5
        head.lay(head.ventricular, head.ellipse(0, 0.30, 0.085 * k, 0.05 * k, soft_mm=2), fourth)


def _base(head: Head) -> None:
    """Cisterns and Sylvian fissures, brain stem and cerebellum."""
    z, shut = head.level, 1.0
    for u, v, reach, strength in head.form.effaced:
        shut = min(shut, 1 - strength * float(np.exp(-(((u**2 + (v - 0.1) ** 2) / max(reach, 0.05) ** 2) ** 2))))
    open_mm = (1.2 + 2.6 * head.atrophy * head.form.sulci + head.form.opened_mm) * shut
    wide = open_mm / head.scale_mm
    sylvian = bump(z, 0.16, 0.60, 0.06)
    if sylvian > 0 and open_mm > 0.25:
        for s in SIDES:
            own = 1 + 0.3 * s * head.person.ventricle_asymmetry / 0.1 * 0.3
            value = sylvian * min(1.0, open_mm / 1.2)
            head.lay(
                head.sulcal, head.ellipse(s * 0.575, -0.02, wide * 0.75 * own, 0.235, s * -4, bend=s * 0.03), value
            )
            head.lay(head.sulcal, head.ellipse(s * 0.77, -0.13, wide * 0.7 * own, 0.20, s * 74, bend=0.03), value)
    cistern = bump(z, 0.185, 0.335, 0.04) * min(1.0, shut * 1.3)
    if cistern > 0.02:
        k = (0.8 + 0.4 * head.atrophy) * (0.5 + 0.5 * shut)
        head.lay(head.grey, head.ellipse(0, 0.16, 0.19, 0.16, soft_mm=3), 0.35)  # midbrain
        arms: list[tuple[float, float, float, float, float]] = [(0.0, -0.07, 0.13 * k, 0.095 * k, 0)]
        for s in SIDES:
            arms += [
                (s * 0.20, -0.13, 0.15 * k, 0.028 * k, s * -18),  # towards the Sylvian fissure
                (s * 0.14, 0.03, 0.035 * k, 0.10 * k, s * -42),
                (s * 0.215, 0.17, 0.022 * k, 0.13, s * -4),  # ambient
            ]
        arms += [(0.0, -0.24, 0.022 * k, 0.12, 0), (0.0, 0.335, 0.15, 0.032 * k, 0)]  # fissure; quadrigeminal
        for u, v, ru, rv, turn in arms:
            head.lay(head.sulcal, head.ellipse(u, v, ru, rv, turn, soft_mm=2.2), cistern)
    quadrigeminal = bump(z, 0.31, 0.43, 0.04) * shut
    if quadrigeminal > 0.02:
        for s in SIDES:
            shape = head.ellipse(s * 0.075, 0.325, 0.085, 0.024 + 0.012 * head.atrophy, s * -20, soft_mm=2)
            head.lay(head.sulcal, shape, quadrigeminal)
    if z < 0.24:
        stem = bump(z, -1, 0.2, 0.06)
        head.lay(head.grey, head.ellipse(0, 0.08, 0.20, 0.15, soft_mm=3), 0.3 * stem)
        head.lay(head.sulcal, head.ellipse(0, -0.09, 0.19, 0.028 + 0.02 * head.atrophy, soft_mm=2), stem * shut)
        folia = np.abs(sample(plane((head.person.sulci, 9), 22), head.u * 0.3 + 0.5, head.v * 1.1))
        lobe = np.clip((head.v - 0.32) / 0.08, 0, 1) * stem
        head.grey = np.maximum(head.grey * (1 - 0.4 * lobe), 0.6 * lobe).astype(np.float32)
        fissures = np.clip((0.10 + 0.16 * head.atrophy - folia) / 0.2, 0, 0.6) * lobe * shut
        head.sulcal = np.maximum(head.sulcal, fissures * np.clip((14 - head.depth) / 6, 0, 1)).astype(np.float32)
