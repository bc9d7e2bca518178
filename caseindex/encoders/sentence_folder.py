"""A folder that sentence-transformers saved: which network, which pooling, which layers behind it, which prompt.

`modules.json` lists the modules in order: a Transformer, a Pooling, Dense layers, Normalize (every vector is normalised
here anyway); or a CLIP. Classes are known by name: nothing of the folder is imported or run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from caseindex.encoders import checkpoint
from caseindex.encoders.text_reading import POOLINGS, Reading
from caseindex.errors import ModelDamaged

MODULES = "modules.json"
_FLAG = "pooling_mode_"
_FLAGS: Final = {"cls_token": "cls", "mean_tokens": "mean", "max_tokens": "max"}
_PLAIN: Final = frozenset(["Normalize", "Dropout"])
_ACTIVATIONS: Final = {
    "torch.nn.modules.activation.Tanh": "tanh",
    "torch.nn.modules.linear.Identity": "identity",
    "torch.nn.modules.activation.ReLU": "relu",
    "torch.nn.modules.activation.GELU": "gelu",
}


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """``folder`` holds its weights; ``activation``: tanh, relu, gelu or identity."""

    width_in: int
    width_out: int
    bias: bool
    activation: str
    folder: Path | None = None

    def config(self) -> dict[str, Any]:
        return {"in": self.width_in, "out": self.width_out, "bias": self.bias, "activation": self.activation}


@dataclass(frozen=True, slots=True)
class SentenceFolder:
    """``network``: the folder of the transformer, or of the CLIP where ``clip``."""

    network: Path
    reading: Reading
    max_tokens: int | None
    clip: bool = False
    dense: tuple[DenseLayer, ...] = field(default=())


def is_sentence_folder(folder: Path) -> bool:
    return (folder / MODULES).is_file()


def read_folder(folder: Path, prompt: str | None = None) -> SentenceFolder:
    """``prompt``: the name of one of the folder's prompts; default: the folder's own default, or none.

    Raises :class:`~caseindex.errors.ModelDamaged` for modules that are not known here, naming them.
    """
    modules = _json(folder / MODULES)
    try:
        parts = [(str(item["type"]).rpartition(".")[2], _inside(folder, str(item.get("path", "")))) for item in modules]
        kind, network = parts[0]
        if kind == "CLIPModel":
            return SentenceFolder(network, Reading(), None, clip=True)
        if kind != "Transformer":
            raise ValueError(f"its first module is a {kind}")
        pooling: tuple[str, ...] = ("mean",)
        include, dense = True, []
        for name, place in parts[1:]:
            if name == "Pooling":
                pooling, include = _pooling(_json(place / checkpoint.CONFIG))
            elif name == "Dense":
                dense.append(_dense(_json(place / checkpoint.CONFIG), place))
            elif name not in _PLAIN:
                raise ValueError(f"a module {name}")
        texts = _optional(network / "sentence_bert_config.json")
        limit = texts.get("max_seq_length")
        reading = Reading(
            pooling=pooling,
            prompt=_prompt(folder, prompt),
            include_prompt=include,
            lower=bool(texts.get("do_lower_case", False)),
        )
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise ModelDamaged(
            folder,
            f"not a sentence-transformers folder that is known here ({error})",
            "Known modules: Transformer, Pooling, Dense, Normalize, CLIPModel",
        ) from error
    return SentenceFolder(network, reading, int(limit) if limit else None, dense=tuple(dense))


def _pooling(config: dict[str, Any]) -> tuple[tuple[str, ...], bool]:
    include = bool(config.get("include_prompt", True))
    named = config.get("pooling_mode")  # the newer form
    if named:
        return tuple(named) if isinstance(named, list) else (str(named),), include
    chosen = []
    for key, value in config.items():
        if key.startswith(_FLAG) and value:
            mode = key.removeprefix(_FLAG)
            chosen.append(_FLAGS.get(mode, mode))
    unknown = set(chosen) - set(POOLINGS)
    if unknown:
        raise ValueError(f"a pooling {', '.join(sorted(unknown))}")
    return tuple(chosen) or ("mean",), include


def _dense(config: dict[str, Any], place: Path) -> DenseLayer:
    activation = _ACTIVATIONS.get(str(config.get("activation_function", "torch.nn.modules.activation.Tanh")))
    if activation is None:
        raise ValueError(f"an activation {config['activation_function']}")
    return DenseLayer(
        int(config["in_features"]), int(config["out_features"]), bool(config.get("bias", True)), activation, place
    )


def _prompt(folder: Path, name: str | None) -> str:
    config = _optional(folder / "config_sentence_transformers.json")
    prompts = config.get("prompts") or {}
    name = name or config.get("default_prompt_name")
    if not name:
        return ""
    if name not in prompts:
        raise ValueError(f"no prompt {name!r} among {', '.join(sorted(prompts)) or 'none'}")
    return str(prompts[name])


def _inside(folder: Path, path: str) -> Path:
    place = (folder / path).resolve()
    if not place.is_relative_to(folder.resolve()):
        raise ValueError("a module outside the folder")
    return place


def _optional(path: Path) -> dict[str, Any]:
    return _json(path) if path.is_file() else {}


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelDamaged(path, f"not readable as JSON ({type(error).__name__})", "Copy it again") from error
