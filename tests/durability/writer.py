"""The process that is killed: works through a fixed plan on an archive, and says each step on stdout when it is done.

    python -m tests.durability.writer ARCHIVE FIRST STEPS

Step numbers go on over restarts; what a step does depends on its number alone. Prints `ok N` after step N returned,
and `failed N ERROR` for a named error; any other exception is a stack trace and status 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from caseindex.errors import CaseindexError, NotInArchive
from caseindex.index.archive import Archive
from caseindex.index.atomic import write_file_atomically
from caseindex.index.erasure import erase
from caseindex.records import Image, ItemKind, Report, Series, Study

FINGERPRINT = "f" * 64
KINDS = ("put", "embed", "put", "embed", "file", "remove")


def patient(step: int) -> str:
    return f"patient-{step:06d}"


def uids(step: int) -> list[str]:
    return [f"1.2.{step:06d}.{n}" for n in range(3)]


def vectors(step: int) -> np.ndarray:
    """[3, 24] float32, L2-normalised, the same for the same step."""
    drawn = np.random.default_rng(step).normal(size=(3, 24)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def kind(step: int) -> str:
    return KINDS[step % len(KINDS)]


def target(step: int) -> int:
    """Which put step an embed or remove step is about: embeds the one before, removes the first put of the round."""
    return step - 1 if kind(step) == "embed" else step - step % len(KINDS)


def do(archive: Archive, step: int) -> None:
    what = kind(step)
    if what == "put":
        study = f"1.2.{step:06d}"
        archive.store.put(
            images=[
                Image(
                    image_uid=uid,
                    study_uid=study,
                    series_uid=f"{study}.s",
                    patient_id=patient(step),
                    file=uid,
                    source=uid,
                )
                for uid in uids(step)
            ],
            series=[Series(series_uid=f"{study}.s", study_uid=study, image_uids=tuple(uids(step)))],
            studies=[Study(study_uid=study, patient_id=patient(step))],
            reports=[
                Report(report_uid=f"{study}.r", study_uid=study, text=f"заключение {step} " * 9, file=f"{study}.txt")
            ],
        )
    elif what == "embed":
        archive.store.put_embeddings(FINGERPRINT, ItemKind.IMAGE, uids(target(step)), vectors(target(step)))
    elif what == "file":
        write_file_atomically(archive.path / "state.json", f'{{"step": {step}}}'.encode() * 50)
    else:
        try:
            done = erase(archive, patient_id=patient(target(step)))
        except NotInArchive:
            return  # a removal that was not acknowledged, and had happened
        if done.remains:
            raise SystemExit(f"remains: {done.remains}")


def main() -> None:
    archive, _ = Archive.create(Path(sys.argv[1]))
    first, steps = int(sys.argv[2]), int(sys.argv[3])
    for step in range(first, first + steps):
        try:
            do(archive, step)
        except CaseindexError as error:
            print(f"failed {step} {type(error).__name__}: {error}", flush=True)
            sys.exit(3)
        print(f"ok {step}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except CaseindexError as error:
        print(f"failed - {type(error).__name__}: {error}", flush=True)
        sys.exit(3)
