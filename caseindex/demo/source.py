"""The synthetic archive as it would lie on a hospital's disk: DICOM files and a manifest with reports and ground truth."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np

from caseindex.demo.cohort import Exam, plan
from caseindex.demo.diagnoses import PUBLISHED_IMAGES, label
from caseindex.demo.wording import write_report
from caseindex.errors import UsageError
from caseindex.records import Language

MANIFEST: Final = "manifest.csv"
_RECIPE, _PROGRESS = "demo.json", "manifest.part"
_VERSION = 1  # of the drawing: raise it when the same seed gives other pictures or texts

#: Of the manifest: the layout's own columns, then the ground truth.
COLUMNS: Final = [
    *("image", "patient_id", "study_id", "modality", "view", "body_part", "date", "sex", "age", "labels", "report"),
    *("language", "split", "diagnosis", "findings", "boxes", "template", "template_set"),
]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the archive is made of. ``languages``: share of the reports by language; ``slices`` per examination."""

    images: int = PUBLISHED_IMAGES
    seed: int = 0
    slices: int = 1
    languages: tuple[tuple[Language, float], ...] = (
        (Language.RUSSIAN, 0.8),
        (Language.ENGLISH, 0.1),
        (Language.CHINESE, 0.1),
    )

    @property
    def examinations(self) -> int:
        return max(1, round(self.images / self.slices))


def parse_languages(text: str) -> tuple[tuple[Language, float], ...]:
    """``"ru,en,zh"`` -> 80, 10 and 10 of a hundred; ``"ru:0.5,zh:0.5"`` -> these shares; the first of several without
    numbers takes what the others, a tenth each, leave.

    Raises :class:`~caseindex.errors.UsageError`.
    """
    shares: dict[Language, float | None] = {}
    for part in text.split(","):
        name, _, share = part.strip().partition(":")
        try:
            shares[Language(name)] = float(share) if share else None
        except ValueError:
            known = ", ".join(language.value for language in Language)
            raise UsageError(
                part, f"not a language of {known}, with or without a share", "For example: ru:0.8,en:0.2"
            ) from None
    given = [share for share in shares.values() if share is not None]
    if len(given) not in (0, len(shares)) or any(share <= 0 for share in given):
        raise UsageError(text, "either every language has a share above 0, or none has", "For example: ru:0.8,en:0.2")
    if not given:
        rest = dict.fromkeys(list(shares)[1:], 0.1)
        return ((next(iter(shares)), round(1 - sum(rest.values()), 2)), *rest.items())
    return tuple((language, float(share or 0)) for language, share in shares.items())


def make_source(
    folder: Path, recipe: Recipe, *, workers: int = 0, on_progress: Callable[[int], None] | None = None
) -> Path:
    """Draws and writes the archive under ``folder`` and gives the manifest's path. Complete files of an earlier,
    interrupted call are kept; a folder that holds another archive is a :class:`~caseindex.errors.UsageError`.

    ``workers``: processes, 0 for one per core. ``on_progress`` is given how many images were finished.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, recipe)
    manifest = folder / MANIFEST
    advance = on_progress or (lambda done: None)
    if manifest.exists():
        advance(recipe.examinations * recipe.slices)
        return manifest
    exams = plan(recipe.examinations, recipe.seed, dict(recipe.languages))
    done = _finished(folder)
    for rows in done.values():
        advance(len(rows))
    todo = [exam for exam in exams if exam.number not in done]
    with (folder / _PROGRESS).open("a", encoding="utf-8") as log:
        for number, rows in _make(todo, folder, recipe.slices, workers):
            done[number] = rows
            log.write(json.dumps([number, rows], ensure_ascii=False) + "\n")
            log.flush()
            advance(len(rows))
    part = folder / (MANIFEST + ".part")
    with part.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for exam in exams:
            writer.writerows(done[exam.number])
    os.replace(part, manifest)
    (folder / _PROGRESS).unlink()
    return manifest


def _claim(folder: Path, recipe: Recipe) -> None:
    """Writes down what this folder holds, or checks that it is the same."""
    wanted = json.dumps({"version": _VERSION, **asdict(recipe)}, sort_keys=True)
    note = folder / _RECIPE
    if not note.exists():
        if any(folder.iterdir()):
            raise UsageError(folder, "this folder has other files in it", "Name a new folder for the demonstration")
        note.write_text(wanted + "\n", "utf-8")
    elif note.read_text("utf-8").strip() != wanted:
        raise UsageError(
            folder,
            f"it holds a synthetic archive made otherwise: {note.read_text('utf-8').strip()}",
            "Give the same options as then, or name another folder",
        )


def _finished(folder: Path) -> dict[int, list[dict[str, str]]]:
    """Rows of the examinations that an interrupted call wrote; a torn last line is done again."""
    done: dict[int, list[dict[str, str]]] = {}
    log = folder / _PROGRESS
    if not log.exists():
        return done
    whole = []
    for line in log.read_text("utf-8").splitlines():
        try:
            number, rows = json.loads(line)
        except ValueError:
            break
        if all((folder / row["image"]).exists() for row in rows):
            done[number] = rows
            whole.append(line + "\n")
    log.write_text("".join(whole), "utf-8")
    return done


def _make(exams: list[Exam], folder: Path, slices: int, workers: int) -> Iterator[tuple[int, list[dict[str, str]]]]:
    workers = min(workers or os.cpu_count() or 1, len(exams) // 8 + 1)
    if workers == 1:
        for exam in exams:
            yield exam.number, make_exam(exam, folder, slices)
        return
    # spawn: the parent may hold threads of torch or OpenCV, which do not survive a fork
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start_worker) as pool:
        numbers = (exam.number for exam in exams)
        made = pool.map(make_exam, exams, [folder] * len(exams), [slices] * len(exams), chunksize=4)
        yield from zip(numbers, made, strict=True)


def _start_worker() -> None:
    """One thread each; an interruption is the parent's to handle."""
    import signal

    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def make_exam(exam: Exam, folder: Path, slices: int) -> list[dict[str, str]]:
    """Draws one examination, writes its files, and gives its rows of the manifest."""
    from caseindex.demo.dicom_writer import SLICE_MM, write_slice
    from caseindex.demo.render import LEVEL_MM, render
    from caseindex.demo.scanner import Acquisition

    person, wording = exam.person, write_report(exam)
    scan = Acquisition.of((exam.seed, 202, exam.number))
    rows = []
    for number in range(slices):
        level = float(np.clip(exam.level + (number - (slices - 1) / 2) * SLICE_MM / LEVEL_MM, 0.06, 0.95))
        section = render(person, exam.age, exam.disease, scan, level, number)
        image = f"{person.patient_id}/{exam.date.isoformat()}_{exam.visit + 1}/{number + 1:04d}.dcm"
        write_slice(folder / image, exam, person, scan, section.hu, number)
        seen = [(f, box) for f, box in zip(exam.disease.findings, section.boxes, strict=True) if box]
        rows.append(
            {
                "image": image,
                "patient_id": person.patient_id,
                "study_id": exam.study_uid,
                "modality": "CT",
                "view": "AXIAL",
                "body_part": "HEAD",
                "date": exam.date.isoformat(),
                "sex": person.sex.value,
                "age": f"{int(exam.age)}",
                "labels": label(exam.disease.diagnosis),
                "report": wording.text,
                "language": exam.language.value,
                "split": "test" if exam.in_test else "train",
                "diagnosis": exam.disease.diagnosis.value,
                "findings": ";".join(f"{f.kind}:{f.place}:{f.side.value if f.side else ''}:{f.phase}" for f, _ in seen),
                "boxes": ";".join(",".join(map(str, box)) for _, box in seen),
                "template": wording.template,
                "template_set": "held_out" if wording.held_out else "train",
            }
        )
    return rows
