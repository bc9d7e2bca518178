"""Witnesses that need other models: the pair space and two classifiers, with stand-ins whose answers are known."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from caseindex.index.comparable import Kind
from caseindex.records import Float32Array
from caseindex.retrieval.verify.benchmark import bench_verify
from caseindex.retrieval.verify.classifiers import (
    ClassSpace,
    LabelPair,
    agreement,
    as_roots,
    found_classifiers,
    learned_by,
)
from caseindex.retrieval.verify.opened import Opened
from caseindex.retrieval.verify.pair_space import PairSpace
from caseindex.retrieval.verify.stored import load_verifier, save_verifier

CHEST, HEAD = Kind("CT", None, "chest"), Kind("CT", None, "head")


class FirstLetter:
    """A text encoder: "a..." is [1, 0], "b..." is [0, 1], anything else is unknown; and a classifier of the same."""

    name, fingerprint, dim = "letters", "letters", 2
    classes = ("a", "b")

    def encode(self, texts: Sequence[str]) -> Float32Array:
        return np.array([[text.startswith("a"), text.startswith("b")] for text in texts], np.float32)

    def predict(self, texts: Sequence[str]) -> Float32Array:
        return np.array([[0.9, 0.1] if text.startswith("a") else [0.1, 0.9] for text in texts], np.float32)


def pair_space() -> PairSpace:
    """Twenty chest reports around 0.5 of the first axis, twenty of the head around 0."""
    angles = np.concatenate([np.arccos(np.linspace(0.4, 0.6, 20)), np.arccos(np.linspace(-0.1, 0.1, 20))])
    crowd = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    people = tuple(f"p{n}" for n in range(40))
    return PairSpace(FirstLetter(), crowd, people, (CHEST,) * 20 + (HEAD,) * 20, frozenset({"learned"}))


def test_the_similarity_is_in_deviations_over_reports_of_the_same_kind() -> None:
    image = np.array([1.0, 0.0], np.float32)
    asked = pair_space().scores([image] * 2, ["a", "a"], ["x", "x"], [CHEST, HEAD], ["s", "s"])
    chest, head = np.linspace(0.4, 0.6, 20), np.linspace(-0.1, 0.1, 20)
    assert np.allclose(asked, [(1 - chest.mean()) / chest.std(), (1 - head.mean()) / head.std()], rtol=1e-3)


def test_the_own_report_is_not_in_the_crowd_and_a_learned_study_is_undecided() -> None:
    image = np.array([1.0, 0.0], np.float32)
    space = pair_space()
    own, other = space.scores([image] * 2, ["a", "a"], ["p19", "x"], [HEAD, HEAD], ["s", "s"])
    assert own == other  # p19 is of the chest
    without = space.scores([image], ["a"], ["p20"], [HEAD], ["s"])[0]
    assert without != other
    silent = space.scores([image, None, image], ["a", "a", "?"], ["x"] * 3, [HEAD] * 3, ["learned", "s", "s"])
    assert all(math.isnan(value) for value in silent)


def test_classifiers_speak_for_agreement_and_not_of_what_they_learned() -> None:
    prior = np.array([0.5, 0.5], np.float32)
    space = ClassSpace(FirstLetter(), prior, frozenset({"learned"}))
    root = as_roots(np.array([[0.8, 0.2]], np.float32))[0]
    same, other, learned, unknown = space.scores(
        [root, root, root, None], ["a", "b", "a", "a"], ["s", "s", "learned", "s"]
    )
    shown, told = np.array([[0.8, 0.2]], np.float32), FirstLetter().predict(["a"])
    assert same == pytest.approx(agreement(shown, told, prior)[0], abs=1e-5)
    assert same > 0 > other
    assert math.isnan(learned)
    assert math.isnan(unknown)


def test_an_archive_without_classifiers_has_none(opened: Opened) -> None:
    assert found_classifiers(opened.archive) is None


def test_the_other_models_witnesses_are_saved_and_read_back(opened: Opened) -> None:
    classes = ClassSpace(FirstLetter(), np.array([0.25, 0.75], np.float32), frozenset({"s1"}))
    more = replace(opened.verifier.witnesses, pair=pair_space(), classes=classes)
    save_verifier(opened.archive, "other", replace(opened.verifier, witnesses=more), {})
    again = load_verifier(opened.archive, "other", FirstLetter(), FirstLetter())
    assert again is not None
    read = again[0].witnesses
    assert read.pair is not None
    assert np.array_equal(read.pair.crowd, pair_space().crowd)
    assert read.pair.kinds == pair_space().kinds
    assert read.classes is not None
    assert read.classes.prior.tolist() == [0.25, 0.75]
    assert read.classes.trained_on == {"s1"}
    assert np.array_equal(again[0].fusion.coefficients, opened.verifier.fusion.coefficients)


def test_the_benchmark_finds_what_this_archive_shows(opened: Opened) -> None:
    found = bench_verify(opened.archive)
    document = found.document
    assert 30 <= document["patients"] <= 60
    for kind in ("swapped", "side", "omitted"):
        assert document["kinds"][kind]["auroc"]["value"] > 0.85
    assert document["kinds"]["side"]["planted"] <= document["cases"]
    assert document["witnesses"]["classifiers"] == "undecided"
    assert (
        document["retrieval"]["text_target"]["mean_diagonal"]
        > 0.3
        > document["retrieval"]["text_target"]["mean_elsewhere"]
    )
    assert len(found.matrix) == document["cases"]
    again = bench_verify(opened.archive).document
    assert again["kinds"] == document["kinds"]


def test_what_a_classifier_learned_is_known_by_its_studies(opened: Opened) -> None:
    run = opened.archive.runs_dir / "letters-1"
    run.mkdir(parents=True)
    (run / "result.json").write_text(json.dumps({"fingerprint": "letters"}))
    split = {"train": ["i003", "r004"], "validation": [], "test": ["i005"], "held_out": []}
    (run / "split.json").write_text(json.dumps(split))
    learned = learned_by(opened.archive, LabelPair(FirstLetter(), FirstLetter()))  # type: ignore[arg-type]
    shutil.rmtree(run)
    assert {"s003", "s004"} <= learned
    assert "s005" not in learned
