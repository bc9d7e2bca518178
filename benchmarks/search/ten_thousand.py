"""An archive of 10,000 synthetic examinations with their reports, for measurements of time: records without pixels.

The demo's plan and wording (two thirds Russian, the rest English and Chinese), one image record each; no file is drawn,
because a search by words reads none.
"""

from __future__ import annotations

from pathlib import Path

from caseindex.demo.cohort import Exam, plan
from caseindex.demo.diagnoses import label
from caseindex.demo.wording import write_report
from caseindex.index.archive import Archive
from caseindex.records import Image, Language, Report, Study

LANGUAGES = {Language.RUSSIAN: 0.66, Language.ENGLISH: 0.17, Language.CHINESE: 0.17}


def make_archive(folder: Path, cases: int, seed: int = 3) -> Archive:
    """A new archive at ``folder`` with ``cases`` studies, each with one image and one report."""
    archive, _ = Archive.create(folder)
    exams = plan(cases, seed, LANGUAGES)
    for start in range(0, len(exams), 1000):
        part = exams[start : start + 1000]
        archive.store.put(
            studies=[Study(study_uid=exam.study_uid, patient_id=_patient(exam), date=_day(exam)) for exam in part],
            images=[_image(exam) for exam in part],
            reports=[_report(exam) for exam in part],
        )
    return archive


def _patient(exam: Exam) -> str:
    return f"P{exam.patient:05d}"


def _day(exam: Exam) -> str:
    return exam.date.isoformat()


def _image(exam: Exam) -> Image:
    file = f"{_patient(exam)}/{exam.number}.dcm"
    return Image(
        image_uid=exam.image_uid(0),
        study_uid=exam.study_uid,
        file=file,
        source=f"/nowhere/{file}",
        patient_id=_patient(exam),
        modality="CT",
        body_part="HEAD",
        view="AXIAL",
        age_years=float(int(exam.age)),
        labels=tuple(label(exam.disease.diagnosis).split(";")),
        date=_day(exam),
    )


def _report(exam: Exam) -> Report:
    return Report(
        report_uid=f"{exam.study_uid}.1",
        study_uid=exam.study_uid,
        text=write_report(exam).text,
        file=f"{exam.number}.txt",
        patient_id=_patient(exam),
        language=exam.language,
        date=_day(exam),
    )
