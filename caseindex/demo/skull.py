"""From shares of tissue to CT numbers, and everything that is not brain: dura, bone, scalp, calcifications, headrest."""

from __future__ import annotations

import numpy as np

from caseindex.demo.anatomy import CSF, GREY, SIDES, WHITE
from caseindex.demo.head import Head, bump
from caseindex.demo.noise import plane, sample


def compose_brain(head: Head) -> None:
    """``hu`` of brain and CSF."""
    texture = sample(plane((head.person.warp, 11), 14), (head.u + 1.2) / 2.4, (head.v + 1.2) / 2.4)
    hu = WHITE + 0.7 * texture + (GREY - WHITE) * head.grey
    hu += (CSF + 1 - hu) * head.sulcal
    hu += (CSF - hu) * head.ventricular
    head.hu = hu.astype(np.float32)


def add_dense(head: Head) -> None:
    """Falx, tentorium, venous sinuses and physiological calcifications: over lesions, since they show through."""
    z, person = head.level, head.person
    off = np.abs(head.u + 0.006 * np.sin(head.v * 5)) * head.scale_mm
    front, back = (-0.5, 0.7) if z < 0.55 else (-0.45 + (z - 0.55) * 2.4, 0.66 - (z - 0.55) * 3.0)
    if z > 0.78:
        front, back = 0.2, 0.2
    along = np.minimum(np.clip((front - head.v) / 0.05, 0, 1) + np.clip((head.v - back) / 0.05, 0, 1), 1)
    if z < 0.17:
        along = np.clip((-0.7 - head.v) / 0.05, 0, 1)
    falx = np.clip((0.55 - off) / 1.0 + 0.5, 0, 1) * along * head.ramp(head.depth_in)
    head.hu += 0.75 * falx * (52 - head.hu)
    if person.falx_calcified and z > 0.4:
        plaque = head.ellipse(0.0, -0.72, 0.02, 0.07, soft_mm=1.5)
        head.lay(head.hu, plaque, 320)
    sinus = head.ellipse(0.0, 0.985 if z > 0.25 else 0.93, 0.055, 0.045, soft_mm=2.5)
    head.lay(head.hu, sinus, 50)
    tent = bump(z, 0.17, 0.34, 0.04)
    if tent > 0:
        for s in SIDES:
            wing = head.ellipse(s * 0.40, 0.50, 0.011, 0.34, s * -52 if z < 0.27 else s * -38, soft_mm=1.4)
            window, mask = wing
            head.lay(head.hu, (window, 0.55 * tent * mask), 50)
    if 0.36 < z < 0.47 and person.pineal_mm > 0 and head.age > 16:
        r = person.pineal_mm / head.scale_mm
        head.lay(head.hu, head.ellipse(0.004, 0.245, r, r * 1.2, rough=0.2, seed=person.warp), 170)
    if 0.38 < z < 0.54 and person.choroid_mm > 0 and head.age > 22:
        r = person.choroid_mm / head.scale_mm
        for s in SIDES:
            spot = head.ellipse(s * 0.29, 0.385, r, 1.5 * r, s * 20, rough=0.25, seed=person.warp + 1)
            head.lay(head.hu, spot, 130 if s > 0 else 150)


def add_skull(head: Head) -> None:
    """Vault with two tables and diploe, base of the skull, scalp, air."""
    person, z = head.person, head.level
    share = np.clip(head.depth_out / head.vault, 0, 1)  # 0 at the outer table, 1 at the inner one
    loose = np.clip(1 - np.abs(share - 0.5) / 0.30, 0, 1) * person.diploe
    grain = sample(
        plane((person.warp, 21), 60, 256), (head.x + np.float32(120)) / 240, (head.y + np.float32(140)) / 280
    )
    bone = 1350 - loose * (620 + 160 * grain)
    in_bone = head.ramp(head.depth_out, 0.9) * (1 - head.ramp(head.depth_in, 0.9))
    head.hu += in_bone * (bone - head.hu)
    if z < 0.27:
        _base_bones(head)
    temporal = bump(z, -1, 0.40, 0.12) * np.clip(1.4 - np.abs(head.raw_v + 0.22) / 0.30, 0, 1)
    scalp = person.scalp_mm[head.angle] + (4 + 4 * person.sinus) * temporal * (np.abs(head.raw_u) > 0.5)
    swelling = head.form.swelling_mm[head.angle]
    scalp = scalp + swelling
    skin = head.ramp(head.depth_out + scalp, 0.9)
    fat = np.clip(1 - np.abs((head.depth_out + 0.45 * scalp) / (0.38 * scalp)), 0, 1)
    soft = 38 - 125 * fat
    soft = soft + np.minimum(temporal, 1) * (52 - soft)  # the temporal muscles
    soft = soft + np.clip(swelling / 3, 0, 1) * (56 - soft)  # blood under the skin
    outside = 1 - head.ramp(head.depth_out, 0.9)
    head.hu += outside * (soft - head.hu)
    head.hu += (1 - skin) * (-1000 - head.hu)


def _base_bones(head: Head) -> None:
    person, z = head.person, head.level
    petrous, wings = bump(z, -1, 0.165, 0.05), bump(z, -1, 0.215, 0.06)
    for s in SIDES:
        if petrous > 0:
            ridge = head.ellipse(s * 0.62, 0.17, 0.09, 0.40, s * 62, soft_mm=2.5, rough=0.10, seed=person.warp + 3)
            window, mask = ridge
            head.lay(head.hu, (window, mask * petrous), 1150)
            cells = head.ellipse(s * 0.84, 0.34, 0.12, 0.16, s * 20, rough=0.25, seed=person.warp + 4)
            window, mask = cells
            grain = sample(plane((person.warp, 31), 40), (head.u[window] + 1) / 2, (head.v[window] + 1) / 2)
            head.lay(head.hu, (window, mask * petrous * np.clip(grain + 0.6, 0, 1)), -550)
            canal = head.ellipse(s * 0.48, 0.12, 0.03, 0.05, s * 62)
            head.lay(head.hu, (canal[0], canal[1] * petrous), 250)
        if wings > 0:
            wing = head.ellipse(s * 0.60, -0.42, 0.022, 0.36, s * 72, soft_mm=1.8, bend=s * 0.05)
            head.lay(head.hu, (wing[0], wing[1] * wings), 850)
            clinoid = head.ellipse(s * 0.13, -0.20, 0.03, 0.05, s * 30)
            head.lay(head.hu, (clinoid[0], clinoid[1] * wings), 700)
    if petrous > 0:
        dorsum = head.ellipse(0, -0.115, 0.10, 0.022)
        head.lay(head.hu, (dorsum[0], dorsum[1] * petrous), 800)
        roof = bump(z, -1, 0.12, 0.05)
        for s in SIDES:
            orbit = head.ellipse(s * 0.33, -0.74, 0.20, 0.17, soft_mm=3)
            head.lay(head.hu, (orbit[0], orbit[1] * roof), -60)
            rim = head.ellipse(s * 0.33, -0.56, 0.20, 0.025, s * 8, soft_mm=2)
            head.lay(head.hu, (rim[0], rim[1] * wings), 700)
    if person.sinus > 0.25 and z < 0.20:
        height = bump(z, -1, 0.08 + 0.11 * person.sinus, 0.05)
        for s, k in ((-1, 1.0), (1, 0.75)):
            cell = head.ellipse(s * 0.11, -1.03, 0.10 * k, 0.045, s * 6, soft_mm=1.4)
            head.lay(head.hu, (cell[0], cell[1] * height), -920)
