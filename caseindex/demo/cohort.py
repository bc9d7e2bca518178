"""Who was examined, when, and with what: the plan of the archive, before anything is drawn."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass

import numpy as np

from caseindex.demo.diagnoses import Diagnosis, counts
from caseindex.demo.diseases import Disease, age_of, fall_ill, resolve
from caseindex.demo.person import Person
from caseindex.records import Language

#: Diseases that heal visibly: their patients may come back with a positive dynamics.
_HEALS = (Diagnosis.HEMORRHAGIC, Diagnosis.ISCHEMIC)
_FOLLOWED = 0.8  # share of the "positive dynamics" studies whose earlier examination is in the archive
_VISITS = (0.62, 0.23, 0.10, 0.05)  # of patients with 1, 2, 3, 4 examinations


@dataclass(frozen=True, slots=True)
class Exam:
    """One examination. ``visit`` counts a patient's examinations from 0; ``prior`` is the date of the one before, in
    or out of the archive. ``level`` is that of the middle slice."""

    seed: int
    number: int
    patient: int
    visit: int
    disease: Disease
    age: float
    date: datetime.date
    prior: datetime.date | None
    level: float
    language: Language
    in_test: bool

    @property
    def person(self) -> Person:
        return Person.of(self.seed, self.patient)

    @property
    def study_uid(self) -> str:
        return _uid(self.seed, "study", self.number)

    @property
    def series_uid(self) -> str:
        return _uid(self.seed, "series", self.number)

    def image_uid(self, slice_number: int) -> str:
        return _uid(self.seed, "image", self.number, slice_number)


def _uid(*parts: object) -> str:
    """PS3.5 B.2: a UID from a UUID, here from a hash, so that the same archive has the same UIDs."""
    digest = hashlib.sha256("/".join(map(str, ("caseindex demo", *parts))).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def plan(examinations: int, seed: int, languages: dict[Language, float]) -> list[Exam]:
    """The archive's examinations in the order of their numbers. The same arguments give the same plan.

    ``languages`` gives each language's share of the reports.
    """
    rng = np.random.default_rng((seed, 11))
    wanted = counts(examinations)
    improved = wanted.pop(Diagnosis.IMPROVEMENT, 0)
    courses: list[list[Disease]] = []
    test: list[bool] = []
    for diagnosis, left in wanted.items():
        turn = int(rng.integers(3))
        while left > 0:
            test.append(turn % 4 == 3)
            turn += 1
            visits = min(left, 1 + int(rng.choice(len(_VISITS), p=_VISITS)))
            age = age_of(diagnosis, rng)
            courses.append([fall_ill(diagnosis, age, rng)] * visits)
            left -= visits
    healing = [course for course in courses if course[0].diagnosis in _HEALS]
    for n in rng.permutation(len(healing))[: round(_FOLLOWED * improved)]:
        healing[n].append(resolve(healing[n][0], rng))
        improved -= 1
    for n in range(improved):
        test.append(n % 4 == 3)
        courses.append([fall_ill(Diagnosis.IMPROVEMENT, age_of(Diagnosis.IMPROVEMENT, rng), rng)])
    exams: list[Exam] = []
    names, shares = list(languages), np.array(list(languages.values()))
    for patient, n in enumerate(rng.permutation(len(courses)), start=1):
        when = datetime.date(2015, 1, 10) + datetime.timedelta(days=int(rng.integers(0, 3200)))
        first, prior = when, None
        for visit, disease in enumerate(courses[n]):
            acute = disease.diagnosis in {*_HEALS, Diagnosis.EDEMA, Diagnosis.SUBARACHNOID, Diagnosis.TRAUMA}
            if visit:
                prior, when = (
                    when,
                    when + datetime.timedelta(days=int(rng.integers(2, 12) if acute else rng.integers(90, 500))),
                )
            elif disease.diagnosis is Diagnosis.IMPROVEMENT:
                prior = when - datetime.timedelta(days=int(rng.integers(7, 40)))
            exams.append(
                Exam(
                    seed=seed,
                    number=len(exams) + 1,
                    patient=patient,
                    visit=visit,
                    disease=disease,
                    age=disease.age + (when - first).days / 365.25,
                    date=when,
                    prior=prior,
                    level=round(float(np.clip(disease.level + rng.normal(0, 0.006), 0.08, 0.93)), 3),
                    language=names[int(rng.choice(len(names), p=shares / shares.sum()))],
                    in_test=test[n],
                )
            )
    return exams
