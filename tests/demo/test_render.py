from __future__ import annotations

import numpy as np
import pytest

from caseindex.demo.diagnoses import Diagnosis
from caseindex.demo.diseases import Disease, age_of, fall_ill
from caseindex.demo.lesions import Finding
from caseindex.demo.person import Person
from caseindex.demo.render import render
from caseindex.demo.scanner import Acquisition

SCAN = Acquisition(
    field_mm=230,
    shift_mm=(0.0, 0.0),
    turn_deg=0.0,
    tilt=0.0,
    noise_hu=2.0,
    sharpness=0.5,
    offset_hu=0.0,
    cupping_hu=0.0,
    headrest=0,
    seed=1,
)
PERSON = Person.of(0, 1)
HEALTHY = Disease(Diagnosis.NORMAL, 0.44, 50, ())


def ill(finding: Finding, level: float = 0.44) -> Disease:
    return Disease(Diagnosis.NORMAL, level, 50, (finding,))


def patch(hu: np.ndarray, x_mm: float, y_mm: float, reach: int = 3) -> float:
    """Median CT number around a place given in mm from the centre."""
    row, column = round(256 + y_mm * 512 / 230), round(256 + x_mm * 512 / 230)
    return float(np.median(hu[row - reach : row + reach + 1, column - reach : column + reach + 1]))


def test_the_same_arguments_give_the_same_numbers() -> None:
    first, second = (render(PERSON, 50, HEALTHY, SCAN, 0.44) for _ in range(2))
    assert first.hu.shape == (512, 512)
    assert (first.hu == second.hu).all()
    assert (first.hu == np.rint(first.hu)).all()
    assert first.hu.min() >= -1024
    assert first.hu.max() <= 3071


def test_ct_numbers_of_a_healthy_head() -> None:
    hu = render(PERSON, 50, HEALTHY, SCAN, 0.44).hu
    assert hu[5, 5] < -950  # air
    assert np.percentile(hu, 99) > 900  # bone
    brain = hu[140:370, 170:340]
    assert 24 < np.median(brain) < 40
    assert patch(hu, -8, -24, 1) < 20  # a frontal horn


@pytest.mark.parametrize("side", [-1.0, 1.0])
@pytest.mark.parametrize(
    ("finding", "lowest", "highest"),
    [
        (Finding("hematoma", "putamen", 0.37, 0.0, 36, 0.8, seed=5), 50, 85),
        (Finding("infarct", "mca", 0.6, 0.0, 90, 0.8, "subacute", seed=5), 8, 24),
        (Finding("cyst", "temporal", 0.6, -0.1, 36, 0.8, seed=5), 0, 14),
        (Finding("edema", "hemisphere", 0.45, 0.0, 100, 0.9, seed=5), 12, 26),
    ],
)
def test_a_lesion_is_where_it_is_said_to_be(finding: Finding, lowest: float, highest: float, side: float) -> None:
    here = Finding(finding.kind, finding.place, side * finding.u, finding.v, finding.size_mm, 0.8, finding.phase, 5)
    section = render(PERSON, 50, ill(here), SCAN, 0.44)
    left, top, right, bottom = section.boxes[0] or (0, 0, 0, 0)
    assert 20 < right - left < 300
    middle = (
        slice((3 * top + bottom) // 4, (top + 3 * bottom) // 4),
        slice((3 * left + right) // 4, (left + 3 * right) // 4),
    )
    assert lowest < np.median(section.hu[middle]) < highest
    assert ((left + right) / 2 > 256) == (side > 0)  # the patient's left is on the right of the picture


def test_epidural_blood_is_a_lens_and_pushes_the_midline() -> None:
    lens = Finding("epidural", "temporoparietal", -0.9, 0.0, 28, 0.6, seed=5)
    section = render(PERSON, 50, ill(lens), SCAN, 0.44)
    left, top, right, bottom = section.boxes[0] or (0, 0, 0, 0)
    middle_row = section.hu[(top + bottom) // 2, left:right]
    end_row = section.hu[top + 3, left:right]
    assert ((middle_row > 50) & (middle_row < 95)).sum() > 1.5 * ((end_row > 50) & (end_row < 95)).sum()


def test_hydrocephalus_widens_and_oedema_closes_the_ventricles() -> None:
    def csf(disease: Disease) -> int:
        hu = render(PERSON, 50, disease, SCAN, 0.44).hu[140:370, 170:340]
        return int((hu < 15).sum())

    wide = csf(ill(Finding("hydrocephalus", "ventricles", 0.0, 0.0, 40, 0.8)))
    shut = csf(ill(Finding("edema", "diffuse", 0.0, 0.0, 120, 0.5)))
    assert wide > 2 * csf(HEALTHY)
    assert shut < csf(HEALTHY)


def test_a_person_stays_recognisable_over_scans() -> None:
    """The outline of the skull, aligned, differs less between two scans of a person than between two persons."""
    other_scan = Acquisition.of((9, 9))

    def outline(person: Person, scan: Acquisition) -> np.ndarray:
        hu = render(person, 50, HEALTHY, scan, 0.44).hu
        bone = hu > 400
        rows, columns = np.flatnonzero(bone.any(axis=1)), np.flatnonzero(bone.any(axis=0))
        size = np.array([rows[-1] - rows[0], columns[-1] - columns[0]]) * scan.pixel_mm
        return np.array([*size, bone.sum() * scan.pixel_mm**2 / 40])

    persons = [Person.of(0, number) for number in range(1, 7)]
    first = np.array([outline(person, SCAN) for person in persons])
    again = np.array([outline(person, other_scan) for person in persons])
    distances = np.linalg.norm(first[:, None] - again[None], axis=2)
    assert (distances.argmin(axis=1) == np.arange(len(persons))).mean() >= 0.6


def test_what_is_off_the_slice_is_not_seen() -> None:
    aneurysm = Finding("aneurysm", "basilar", 0.0, 0.0, 10, 0.8, seed=3)
    disease = Disease(Diagnosis.ANEURYSM, 0.25, 50, (aneurysm,))
    assert render(PERSON, 50, disease, SCAN, 0.25).boxes[0] is not None
    assert render(PERSON, 50, disease, SCAN, 0.60).boxes == (None,)


@pytest.mark.parametrize("diagnosis", list(Diagnosis))
def test_every_disease_can_be_drawn_and_is_marked(diagnosis: Diagnosis) -> None:
    rng = np.random.default_rng(4)
    age = age_of(diagnosis, rng)
    disease = fall_ill(diagnosis, age, rng)
    section = render(PERSON, age, disease, SCAN, disease.level)
    assert np.isfinite(section.hu).all()
    if disease.findings:
        box = section.boxes[0]
        assert box is not None
        assert 0 <= box[0] < box[2] <= 512
        assert 0 <= box[1] < box[3] <= 512
