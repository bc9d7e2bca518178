"""The documents of `bench identity`: their shape, and their figures against the parts they are made of."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from caseindex.errors import DependencyMissing
from caseindex.evaluation.identity_plot import plot_identity
from caseindex.evaluation.identity_protocol import identity_document, pair_search_document
from caseindex.evaluation.identity_ranking import TOP_N, ranked
from caseindex.evaluation.identity_set import Exclusions
from tests.evaluation.drawn_identity import counts, drawn, similarity

DATA = drawn(0, n=120, persons=40, kinds=1)


def test_every_image_asks() -> None:
    document, scores = identity_document(DATA, draws=50, seed=2)
    json.dumps(document)
    assert set(document) >= set("queries gallery top_n pair_auc tpr_at_fpr map_at_r intervals excluded".split())
    found = ranked(DATA)
    assert document["queries"] == len(found.queries)
    assert document["patients"] == len(set(found.persons.tolist()))
    assert document["top_n"] == {str(n): pytest.approx(found.top(n).mean()) for n in TOP_N}
    assert document["p_at_1"] == document["top_n"]["1"]
    assert document["map_at_r"] == pytest.approx(found.map_at_r.mean())
    assert document["r_precision"] == pytest.approx(found.r_precision.mean())
    pairs = [(i, j) for i in range(120) for j in range(i + 1, 120) if counts(DATA, Exclusions(), i, j)]
    truth = [int(DATA.persons[i] == DATA.persons[j]) for i, j in pairs]
    values = similarity(DATA)
    assert document["pair_auc"] == pytest.approx(roc_auc_score(truth, [values[pair] for pair in pairs]), abs=1e-4)
    assert document["pairs"] == {"genuine": sum(truth), "impostor": len(truth) - sum(truth)}
    assert len(scores.genuine) == sum(truth)
    assert "pixel-identical" in document["excluded"]


def test_rates_that_cannot_be_measured_are_null() -> None:
    document, _ = identity_document(DATA, draws=20)
    assert document["pairs"]["impostor"] < 10_000
    assert document["tpr_at_fpr"]["0.001"] is None
    assert document["tpr_at_fpr"]["0.0001"] is None
    assert 0 < document["tpr_at_fpr"]["0.01"] < 1
    assert "tpr@0.001" not in document["intervals"]


def test_intervals_hold_their_figures_and_are_by_patient() -> None:
    document, _ = identity_document(DATA, draws=100)
    for name, value in [
        ("top_1", document["p_at_1"]),
        *((key, document[key]) for key in ("map_at_r", "pair_auc", "eer")),
    ]:
        low, high = document["intervals"][name]
        assert low <= value <= high
        assert low < high
    assert document["interval_over"] == "patients"
    assert document == identity_document(DATA, draws=100)[0]


def test_the_query_s_study_is_left_out_on_request() -> None:
    whole, _ = identity_document(DATA, draws=2)
    less, _ = identity_document(DATA, Exclusions(same_study=True), draws=2)
    assert less["queries"] < whole["queries"]
    assert less["pairs"]["genuine"] < whole["pairs"]["genuine"]
    assert less["pairs"]["impostor"] == whole["pairs"]["impostor"]
    assert "query's study" in less["excluded"]
    copies, _ = identity_document(DATA, Exclusions(copies=False), draws=2)
    assert copies["pairs"]["genuine"] > whole["pairs"]["genuine"]


def test_one_pair_per_query() -> None:
    document = pair_search_document(DATA, Exclusions(), queries=10, gallery=30, seed=0)
    json.dumps(document)
    assert (document["queries"], document["gallery"]) == (10, 30)
    assert list(document["top_n"]) == [str(n) for n in TOP_N]
    assert document["top_n"]["30"] == 1.0
    assert document["chance"]["15"] == 0.5
    assert document["intervals"]["top_30"] == [1.0, 1.0]
    values = list(document["top_n"].values())
    assert values == sorted(values)


def test_the_picture_says_what_was_measured(tmp_path: Path) -> None:
    document, scores = identity_document(DATA, draws=10)
    file = tmp_path / "identity.svg"
    plot_identity({**document, "model": {"name": "mine"}}, scores, file)
    text = file.read_text("utf-8")
    assert f"{document['queries']} queries in a gallery of {document['gallery']} images, model mine" in text
    assert f"AUC {document['pair_auc']:.3f}" in text
    plot_identity(document, scores, tmp_path / "identity.png")
    assert (tmp_path / "identity.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_without_any_pair_is_drawn_too(tmp_path: Path) -> None:
    alone = drawn(1, n=6, persons=1, kinds=1, unknown=0)
    document, scores = identity_document(alone, draws=10)
    assert scores.impostors == 0
    assert np.isnan(document["pair_auc"])
    plot_identity(document, scores, tmp_path / "empty.png")
    assert (tmp_path / "empty.png").stat().st_size > 5000


def test_without_matplotlib_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document, scores = identity_document(DATA, draws=2)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(DependencyMissing, match="pip install"):
        plot_identity(document, scores, tmp_path / "identity.png")
