"""`train convert`: tensors of a pickle become safetensors; whatever else a pickle holds is never run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from caseindex.cli.main import main
from caseindex.encoders.model import load_model
from caseindex.encoders.torchvision_networks import architecture
from caseindex.errors import ModelDamaged, ModelNotFound, UsageError
from caseindex.train.convert import convert_checkpoint

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.steps": torch.tensor(3)}


class Hostile:
    """Pickled, it runs a command when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


def run(*arguments: str) -> int:
    try:
        main(list(arguments))
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_command_converts_what_a_network_then_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    network = architecture("resnet18").eval()
    source = tmp_path / "resnet18.pth"
    wrapped = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": wrapped, "epoch": 7, "best": 0.5}, source)
    assert run("train", "convert", str(source), "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    target = tmp_path / "resnet18.safetensors"
    assert document == {"file": str(target), "tensors": len(wrapped), "bytes": target.stat().st_size}
    image = load_model(tmp_path, f"torchvision:resnet18@{target}", device="cpu").image
    assert image is not None
    batch = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        expected = torch.nn.functional.normalize(network(batch), dim=1).numpy()
    np.testing.assert_allclose(image.encode(batch.numpy()), expected, atol=1e-5)


@pytest.mark.parametrize("new", [True, False])
def test_a_hostile_pickle_is_refused_and_nothing_is_run(
    new: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark, source = tmp_path / "mark", tmp_path / "w.pt"
    torch.save({**TENSORS, "x": Hostile(mark)}, source, _use_new_zipfile_serialization=new)
    assert run("train", "convert", str(source)) == 1
    message = capsys.readouterr()
    assert message.out == ""
    assert "could run code" in message.err
    assert str(source) in message.err
    assert "Traceback" not in message.err
    assert sorted(item.name for item in tmp_path.iterdir()) == ["w.pt"]  # no mark, and nothing half-written

    torch.load(source, weights_only=False)  # the file is what this test takes it for
    assert mark.exists()


@pytest.mark.parametrize("key", [None, "state_dict", "model", "model_state_dict"])
def test_tensors_are_kept_by_value(key: str | None, tmp_path: Path) -> None:
    source, target = tmp_path / "w.bin", tmp_path / "out.safetensors"
    torch.save({key: TENSORS, "lr": 0.1} if key else TENSORS, source)
    convert_checkpoint(source, target)
    stored = load_file(target)
    assert set(stored) == set(TENSORS)
    for name, value in TENSORS.items():
        torch.testing.assert_close(stored[name], value, rtol=0, atol=0)
    with safe_open(target, "pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_tensors_that_share_memory_are_written_each(tmp_path: Path) -> None:
    shared = torch.arange(12.0).reshape(3, 4)
    torch.save({"tied": shared, "again": shared, "part": shared[:, 1]}, tmp_path / "w.pt")
    convert_checkpoint(tmp_path / "w.pt")
    stored = load_file(tmp_path / "w.safetensors")
    assert torch.equal(stored["again"], shared)
    assert stored["part"].tolist() == [1.0, 5.0, 9.0]


@pytest.mark.parametrize("content", [b"", b"\x80\x04.", b"not a checkpoint", b"PK\x03\x04"])
def test_what_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(ModelDamaged):
        convert_checkpoint(tmp_path / "w.pt")
    assert [item.name for item in tmp_path.iterdir()] == ["w.pt"]


def test_a_checkpoint_without_tensors_a_missing_one_and_a_target_that_is_there(tmp_path: Path) -> None:
    torch.save({"lr": 0.1}, tmp_path / "none.pt")
    with pytest.raises(ModelDamaged, match="no tensors"):
        convert_checkpoint(tmp_path / "none.pt")
    with pytest.raises(ModelNotFound):
        convert_checkpoint(tmp_path / "missing.pt")
    torch.save(TENSORS, tmp_path / "w.pt")
    (tmp_path / "w.safetensors").write_bytes(b"mine")
    with pytest.raises(UsageError):
        convert_checkpoint(tmp_path / "w.pt")
    assert (tmp_path / "w.safetensors").read_bytes() == b"mine"
