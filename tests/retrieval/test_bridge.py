"""The bridge from words to images without reports: by value against numpy, and through a search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caseindex.index.archive import Archive
from caseindex.records import Image, ItemKind, Language, Report, Study
from caseindex.retrieval.bridge import LEAST_PATIENTS, Bridge, Examples, fit
from caseindex.retrieval.query import Answer, Channel, Query
from caseindex.retrieval.search import Searcher

MODEL = "cd" * 32
DIM = 12
PATIENTS = 40


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def drawn(seed: int, count: int, towards: float = 0.0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, DIM))
    rows[:, 0] += towards
    return unit(rows)


def fitted(vectors: np.ndarray, patients: list[str], weights: np.ndarray | None = None) -> Bridge:
    weights = np.ones(len(vectors), dtype=np.float32) if weights is None else weights
    made = fit(Examples(vectors, weights, np.array(patients)), drawn(0, 300))
    assert made is not None
    return made


def test_the_direction_is_the_discriminant() -> None:
    vectors, weights = drawn(1, 6, 3.0), np.array([1, 2, 1, 0.5, 1, 1], dtype=np.float32)
    made = fitted(vectors, list("abcdef"), weights)
    sample = drawn(0, 300).astype(np.float64)
    centred = sample - sample.mean(axis=0)
    covariance = centred.T @ centred / len(sample)
    mean = np.average(vectors, axis=0, weights=weights) - sample.mean(axis=0)
    ridge = 3.0 * np.trace(covariance) / DIM
    expected = np.linalg.solve(covariance + ridge * np.eye(DIM), mean)
    np.testing.assert_allclose(made.direction, expected / np.linalg.norm(expected), atol=1e-5)
    cosines = sample @ made.direction
    assert made.deviations(float(cosines.mean() + 2 * cosines.std())) == pytest.approx(2.0, abs=1e-4)


def test_a_patients_own_images_have_no_say_in_his_score() -> None:
    vectors = drawn(2, 5, 2.0)
    made = fitted(vectors, ["a", "a", "b", "c", "d"])
    without = fitted(vectors[2:], ["b", "c", "d"])
    cosine = float(vectors[0] @ made.direction)
    own = made.deviations_of("a", vectors[0], cosine)
    assert own == pytest.approx(made.deviations(float(vectors[0] @ without.direction)), abs=1e-4)
    assert own < made.deviations_of("nobody", vectors[0], cosine)


def test_what_has_nothing_in_common_does_not_convince() -> None:
    names = [str(number) for number in range(30)]
    assert fitted(drawn(3, 30, 2.0), names).convincing
    assert sum(fitted(drawn(seed, 30), names).convincing for seed in range(10, 20)) <= 1


def test_too_few_patients_make_none() -> None:
    few = Examples(drawn(1, 8), np.ones(8, dtype=np.float32), np.array(["a", "b"] * 4))
    assert LEAST_PATIENTS > 2
    assert fit(few, drawn(0, 300)) is None


@pytest.fixture
def half_reported(tmp_path: Path) -> Archive:
    """Patients with and without meningioma, whose images tell; every second one has a report."""
    archive, _ = Archive.create(tmp_path / "archive")
    images, studies, reports = [], [], []
    for number in range(PATIENTS):
        ill = number % 4 < 2
        study, patient = f"{'ill' if ill else 'well'}-{number}", f"P{number}"
        studies.append(Study(study_uid=study, patient_id=patient))
        images += [
            Image(image_uid=f"{study}-{view}", study_uid=study, file="f", source="s", patient_id=patient, modality="MR")
            for view in range(2)
        ]
        if number % 2:
            text = "Impression: Meningioma of the falx." if ill else "Impression: Pleural effusion."
            reports.append(
                Report(
                    report_uid=f"r-{study}",
                    study_uid=study,
                    text=text,
                    file="f",
                    patient_id=patient,
                    language=Language.ENGLISH,
                )
            )
    archive.store.put(images=images, studies=studies, reports=reports)
    uids = [image.image_uid for image in images]
    vectors = np.concatenate([drawn(50 + n, 1, 4.0 if uid.startswith("ill") else 0.0) for n, uid in enumerate(uids)])
    archive.store.put_embeddings(MODEL, ItemKind.IMAGE, uids, vectors)
    return archive


def ask(archive: Archive, text: str, **fields: object) -> Answer:
    return Searcher(archive).search(Query(text=text, **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["meningioma", "менингиома", "脑膜瘤"])
def test_images_without_reports_are_found_in_three_languages(half_reported: Archive, text: str) -> None:
    answer = ask(half_reported, text, channel=Channel.IMAGE)
    assert answer.channels == ("bridge",)
    assert all(hit.study_uid.startswith("ill") and hit.matched_by == ("image",) for hit in answer.hits)
    assert len(answer.hits) == 10
    assert any(hit.report is None for hit in answer.hits)
    assert any("10 cases that have one" in note for note in answer.notes)


def test_beside_the_reports_it_adds_what_stands_out(half_reported: Archive) -> None:
    answer = ask(half_reported, "meningioma", k=30)
    reported = [hit for hit in answer.hits if "report" in hit.matched_by]
    assert [hit.rank for hit in reported] == list(range(1, 11))
    assert all(hit.study_uid.startswith("ill") and hit.matched_by == ("image",) for hit in answer.hits[10:])


def test_no_reported_case_no_bridge(half_reported: Archive) -> None:
    assert not ask(half_reported, "hydrocephalus", channel=Channel.IMAGE).hits
