"""ruCLIP (Shonenkov et al. 2022, github.com/ai-forever/ru-clip): a CLIP whose text tower reads Russian byte pairs.

A folder holds `config.json`, `bpe.model` and the weights: `model.safetensors`, which `caseindex train convert` makes of
the published `pytorch_model.bin`. Both towers are OpenAI's (vision transformer; causal text transformer, its state at the
end mark projected), so that open_clip's blocks under the same tensor names rebuild them.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from caseindex.encoders import checkpoint
from caseindex.encoders.catalogue import Trunk
from caseindex.encoders.open_clip_towers import MEAN, STD
from caseindex.encoders.preprocessing import Preprocessing
from caseindex.encoders.tower_text import TowerTextEncoder
from caseindex.encoders.weight_files import load_into, reachable, state_digest
from caseindex.encoders.youtokentome_pairs import YouTokenToMe, read_bpe
from caseindex.errors import ModelDamaged, ModelNotFound
from caseindex.records import Int64Array

WEIGHTS, VOCABULARY = "model.safetensors", "bpe.model"
#: Ids of ruCLIP's processor, whatever the vocabulary says.
PAD, BEGIN, END = 0, 2, 3
_SIZES: Final = (
    *("embed_dim", "image_resolution", "vision_layers", "vision_width", "vision_patch_size", "context_length"),
    *("vocab_size", "transformer_width", "transformer_heads", "transformer_layers"),
)
_HEAD_WIDTH = 64  # of the image tower, not in the configuration
_HOW = f"A ruCLIP folder holds {checkpoint.CONFIG}, {VOCABULARY} and {WEIGHTS}"


def _configuration(folder: Path) -> dict[str, Any]:
    path = folder / checkpoint.CONFIG
    if not path.is_file():
        raise ModelNotFound(folder, f"no {checkpoint.CONFIG} in it", _HOW)
    try:
        document = json.loads(path.read_text("utf-8"))
        sizes = {name: int(document[name]) for name in _SIZES}
        if min(sizes.values()) < 1 or max(sizes.values()) > 1_000_000:
            raise ValueError("a size out of range")
        normalisation = {"mean": list(document.get("mean") or MEAN), "std": list(document.get("std") or STD)}
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise ModelDamaged(path, f"not a ruCLIP configuration ({error!r})", "Copy it again") from error
    return {**sizes, **normalisation}


def open_clip_config(config: dict[str, Any]) -> dict[str, Any]:
    """The same architecture in open_clip's words."""
    return {
        "embed_dim": config["embed_dim"],
        "quick_gelu": True,
        "vision_cfg": {
            "image_size": config["image_resolution"],
            "layers": config["vision_layers"],
            "width": config["vision_width"],
            "head_width": _HEAD_WIDTH,
            "patch_size": config["vision_patch_size"],
        },
        "text_cfg": {
            "context_length": config["context_length"],
            "vocab_size": config["vocab_size"],
            "width": config["transformer_width"],
            "heads": config["transformer_heads"],
            "layers": config["transformer_layers"],
            "pool_type": "eos",
            "eos_id": END,
        },
    }


@cache
def load(what: str) -> tuple[Any, dict[str, Any], YouTokenToMe]:
    """(both towers, configuration, vocabulary) of a local folder."""
    import open_clip

    folder = Path(what).expanduser()
    if not folder.is_dir():
        raise ModelNotFound(f"ruclip:{what}", "no such folder", _HOW)
    config = _configuration(folder)
    vocabulary = read_bpe(folder / VOCABULARY)
    if vocabulary.size > config["vocab_size"]:
        raise ModelDamaged(folder, f"{VOCABULARY} names ids beyond the vocabulary of {checkpoint.CONFIG}", "Copy both")
    if not (folder / WEIGHTS).is_file():
        checkpoint.refuse_pickle(folder, WEIGHTS)
        raise ModelNotFound(folder, f"no {WEIGHTS} in it", _HOW)
    with reachable(f"ruclip:{what}", f"{checkpoint.CONFIG} has to describe a ruCLIP model"):
        model = open_clip.CLIP(**open_clip_config(config))
    load_into(model, folder / WEIGHTS)
    return model.eval(), config, vocabulary


def image_trunk(what: str) -> Trunk:
    """The image tower. Pictures are padded to a square, where ruCLIP's own processor cuts the longer side: in a
    radiograph the anatomy reaches to the border. Square pictures are the same in both."""
    model, config, _ = load(what)
    size = config["image_resolution"]
    return Trunk(
        spec={"family": "open_clip", "model": open_clip_config(config)},
        dim=config["embed_dim"],
        preprocessing=Preprocessing(
            height=size, width=size, fit="pad", mean=tuple(config["mean"]), std=tuple(config["std"])
        ),
        build=lambda: copy.deepcopy(model.visual),  # training changes it
        weights_digest=lambda: state_digest(model),  # both towers: a fingerprint stands for one space
    )


def token_ids(vocabulary: YouTokenToMe, texts: Sequence[str], context: int) -> Int64Array:
    """[n, context]: lower case, begin and end marks, cut to fit, padded."""
    out = np.full((len(texts), context), PAD, np.int64)
    for row, text in enumerate(texts):
        ids = [BEGIN, *vocabulary.ids(text.lower())[: context - 2], END]
        out[row, : len(ids)] = ids
    return out


@dataclass(frozen=True, slots=True)
class RuClipText:
    """The text tower to train on; ``vocabulary_file``: the bytes of `bpe.model`."""

    network: Any
    config: dict[str, Any]
    vocabulary: YouTokenToMe
    vocabulary_file: bytes

    @property
    def width(self) -> int:
        return int(self.config["embed_dim"])

    def states(self, texts: Sequence[str]) -> Any:
        """[n, width] float32 torch tensor, with gradients where the network is trained."""
        import torch

        ids = torch.from_numpy(token_ids(self.vocabulary, texts, int(self.config["context_length"])))
        return self.network.encode_text(ids.to(next(self.network.parameters()).device)).float()

    def stored(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """(configuration, files by name) from which :func:`load_stored` makes it again, weights aside."""
        return {"kind": "ruclip", "config": self.config}, {VOCABULARY: self.vocabulary_file}


def load_text(what: str) -> RuClipText:
    model, config, vocabulary = load(what)
    content = (Path(what).expanduser() / VOCABULARY).read_bytes()
    return RuClipText(_text_alone(copy.deepcopy(model)), config, vocabulary, content)


def _text_alone(model: Any) -> Any:
    del model.visual
    return model.eval()


def text_encoder(name: str, what: str, fingerprint: str, device: str | None) -> TowerTextEncoder:
    """Texts beyond its context length (77 tokens) are cut."""
    return TowerTextEncoder(name, fingerprint, load_text(what), device=device)


def load_stored(folder: Path, name: str, config: dict[str, Any], device: str | None) -> TowerTextEncoder:
    """The text side of a model folder that was trained on top of a ruCLIP."""
    import open_clip
    import torch

    from caseindex.encoders.model import TEXT
    from caseindex.encoders.projection import load_head

    content = (folder / VOCABULARY).read_bytes() if (folder / VOCABULARY).is_file() else b""
    vocabulary = read_bpe(folder / VOCABULARY)
    try:
        sizes = dict(config["text"]["config"])
        network = _text_alone(open_clip.CLIP(**open_clip_config(sizes)))
        tensors = checkpoint.read_tensors(folder, f"{TEXT}trunk.")
        network.load_state_dict({key: torch.from_numpy(value) for key, value in tensors.items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelDamaged(
            folder, f"its text network cannot be rebuilt ({type(error).__name__})", "Train it again"
        ) from error
    head = load_head(checkpoint.read_tensors(folder, f"{TEXT}head."), folder)
    text = RuClipText(network, sizes, vocabulary, content)
    return TowerTextEncoder(name, config["fingerprint"], text, dim=int(config["dim"]), head=head, device=device)
