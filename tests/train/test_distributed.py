"""Two processes (gloo, through `torchrun`) give what one process gives on the same global batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from caseindex.train import distributed
from tests.conftest import REPOSITORY
from tests.train.distributed_worker import RECIPES
from tests.train.drawn_persons import make_persons

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def _python(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=REPOSITORY, env=environment)
    assert done.returncode == 0, done.stderr[-4000:]
    return done


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("distributed")
    _python("-m", "tests.train.distributed_worker", str(folder / "one"))
    _python(*TORCHRUN, "-m", "tests.train.distributed_worker", str(folder / "two"))
    return {1: folder / "one", 2: folder / "two"}


def _result(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_the_same_losses(recipe: str, runs: dict[int, Path]) -> None:
    one, two = _result(runs[1]), _result(runs[2])
    assert (one["processes"], two["processes"]) == (1, 2)
    assert len(one["losses"][recipe]) == 4
    np.testing.assert_allclose(two["losses"][recipe], one["losses"][recipe], rtol=2e-5)
    assert len(set(one["losses"][recipe])) == 4  # something was learned


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_the_same_weights(recipe: str, runs: dict[int, Path]) -> None:
    """To rounding: a sum over two processes is rounded elsewhere than one over all rows."""
    one, two = (load_file(runs[count] / recipe / "trained.safetensors") for count in (1, 2))
    assert set(one) == set(two)
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, atol=2e-4, rtol=1e-3, err_msg=name)


def test_hard_negatives_are_mined_once_for_all(runs: dict[int, Path]) -> None:
    name = "memory and hard negatives"
    one, two = (np.load(runs[count] / name / "round-1.npy") for count in (1, 2))
    assert one.tolist() == two.tolist()


def test_alone_nothing_of_it_does_anything() -> None:
    assert distributed.start() == (0, 1)
    assert distributed.own_rows(7) == slice(0, 7)
    assert distributed.agreed(True)
    assert not distributed.agreed(False)
    assert distributed.same("value") == "value"


@pytest.mark.parametrize(("count", "processes"), [(15, 2), (16, 2), (3, 4), (1, 2), (0, 2)])
def test_every_row_is_somebodys(count: int, processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "several", lambda: True)
    monkeypatch.setattr(distributed.dist, "get_world_size", lambda: processes)
    rows: list[int] = []
    for rank in range(processes):
        monkeypatch.setattr(distributed.dist, "get_rank", lambda rank=rank: rank)
        rows += list(range(count))[distributed.own_rows(count)]
    assert rows == list(range(count))


@pytest.mark.slow
def test_train_identity_under_torchrun(tmp_path: Path) -> None:
    """The command itself: one process's output, and a model like the one that a single process trains."""
    options = (
        "--sizes 64 --epochs 2 --batch-persons 8 --memory 16 --validation 0.2 --test 0.3 --trunk-rate 1e-4 --no-use "
        "--no-tensorboard --format json"
    )
    vectors, results = [], []
    for name, launch in (("one", ["-m", "caseindex"]), ("two", [*TORCHRUN, "-m", "caseindex"])):
        archive = make_persons(tmp_path / name)
        archive.store.close()
        done = _python(*launch, "train", "identity", *options.split(), "--archive", str(archive.path))
        results.append(json.loads(done.stdout))
        vectors.append(load_file(archive.models_dir / "identity" / "model.safetensors"))
    assert results[0]["images"] == results[1]["images"]
    assert results[0]["loop"]["steps"] == results[1]["loop"]["steps"] == 4
    for name, value in vectors[0].items():
        if name.startswith("trunk"):
            np.testing.assert_allclose(vectors[1][name], value, atol=2e-3, err_msg=name)
