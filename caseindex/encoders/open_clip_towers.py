"""open_clip's two towers: image and text in one space. Weights from its hub, or from a folder with
`open_clip_config.json` and `open_clip_model.safetensors`."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from caseindex.encoders import checkpoint
from caseindex.encoders.catalogue import Trunk
from caseindex.encoders.preprocessing import Preprocessing
from caseindex.encoders.weight_files import load_into, offline_if_unreachable, reachable, state_digest
from caseindex.errors import ModelDamaged, ModelNotFound
from caseindex.records import Float32Array

if TYPE_CHECKING:
    import torch

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
#: CLIP's own (Radford et al. 2021, published code), where a configuration names none.
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@cache
def whole_model(what: str) -> tuple[Any, dict[str, Any]]:
    """(the whole model, its `model_cfg`). Built once for both towers."""
    offline_if_unreachable()
    import open_clip

    folder = Path(what).expanduser()
    if folder.is_dir():
        config = _local_config(folder)
        if not (folder / WEIGHTS).is_file():
            checkpoint.refuse_pickle(folder, WEIGHTS)
            raise ModelNotFound(folder, f"no {WEIGHTS} in it", f"An open_clip folder holds {CONFIG} and {WEIGHTS}")
        model = _build(config, folder)
        load_into(model, folder / WEIGHTS)
        return model.eval(), config
    architecture, _, tag = what.partition("/")
    known = open_clip.list_models()
    if architecture not in known:
        raise ModelNotFound(
            f"open_clip:{what}",
            "neither a folder nor an architecture of open_clip",
            f"Known: {', '.join(known[:12])}, ... (open_clip.list_models()), or a folder with {CONFIG} and {WEIGHTS}",
        )
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    chosen = tag or (tags[0] if tags else "")
    if chosen not in tags:
        raise ModelNotFound(
            f"open_clip:{what}", f"{architecture} has no weights {chosen!r}", f"Known: {', '.join(tags) or 'none'}"
        )
    with reachable(
        f"open_clip:{what}", f"Copy a folder with {CONFIG} and {WEIGHTS} here and name it: open_clip:/path/folder"
    ):
        model = open_clip.create_model(architecture, pretrained=chosen, weights_only=True)
    return model.eval(), {**open_clip.get_model_config(architecture), "preprocess": _settings(model)}


def _settings(model: Any) -> dict[str, Any]:
    return {"mean": list(model.visual.preprocess_cfg["mean"]), "std": list(model.visual.preprocess_cfg["std"])}


def _local_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.is_file():
        raise ModelNotFound(folder, f"no {CONFIG} in it", f"An open_clip folder holds {CONFIG} and {WEIGHTS}")
    try:
        document = json.loads(path.read_text("utf-8"))
        return {**document["model_cfg"], "preprocess": document.get("preprocess_cfg") or {}}
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ModelDamaged(path, f"not an open_clip configuration ({error})", "Copy it again") from error


def _build(config: dict[str, Any], folder: Path) -> Any:
    """Both towers, without weights: nothing is fetched but the configuration of a HuggingFace text tower that does
    not lie in ``folder``."""
    import open_clip

    settings = {key: value for key, value in config.items() if key not in ("preprocess", "custom_text")}
    settings["vision_cfg"] = {**settings.get("vision_cfg", {}), "timm_model_pretrained": False}
    how = f"{CONFIG} has to describe a CLIP model"
    if _custom(config):
        text = {**settings.get("text_cfg", {}), "hf_model_pretrained": False}
        if text.get("hf_model_name"):
            how = f"Put the config.json and the tokenizer files of {text['hf_model_name']} into the folder"
            if (folder / checkpoint.CONFIG).is_file():
                text["hf_model_name"] = str(folder)
        settings["text_cfg"] = text
    with reachable(f"open_clip:{folder}", how):
        kind = open_clip.CustomTextCLIP if _custom(config) else open_clip.CLIP
        return kind(**settings)


def _custom(config: dict[str, Any]) -> bool:
    return bool(config.get("custom_text")) or "hf_model_name" in config.get("text_cfg", {})


def image_architecture(spec: dict[str, Any]) -> torch.nn.Module:
    """The image tower that ``spec`` describes, without weights."""
    import open_clip

    config = spec["model"]
    with reachable("open_clip", "Its configuration has to describe a CLIP model"):
        # A text tower of one small layer, because there is no building the image tower alone.
        return open_clip.CLIP(  # type: ignore[no-any-return]
            embed_dim=config["embed_dim"],
            vision_cfg={**config["vision_cfg"], "timm_model_pretrained": False},
            text_cfg={"context_length": 4, "vocab_size": 8, "width": 8, "heads": 1, "layers": 1},
            quick_gelu=bool(config.get("quick_gelu", False)),
        ).visual


def image_trunk(what: str) -> Trunk:
    model, config = whole_model(what)
    size = model.visual.image_size
    height, width = (size, size) if isinstance(size, int) else size
    chosen = config.get("preprocess", {})
    return Trunk(
        spec={"family": "open_clip", "model": config},
        dim=int(config["embed_dim"]),
        preprocessing=Preprocessing(
            height=height,
            width=width,
            fit="pad",
            mean=tuple(chosen.get("mean", MEAN)),
            std=tuple(chosen.get("std", STD)),
        ),
        # A copy: training changes it, and the loaded model stands for its name.
        build=lambda: copy.deepcopy(model.visual),
        # Both towers: a fingerprint stands for one space.
        weights_digest=lambda: state_digest(model),
    )


class ClipTextEncoder:
    """The text tower. Texts beyond its context length (77 tokens mostly) are cut."""

    def __init__(self, name: str, fingerprint: str, dim: int, model: Any, tokenizer: Any, device: str | None) -> None:
        import torch

        self.name = name
        self.fingerprint = fingerprint
        self.dim = dim
        self._tokenizer = tokenizer
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._model = model.to(self._device)

    def encode(self, texts: Sequence[str]) -> Float32Array:
        """n texts -> [n, dim] float32, L2-normalised."""
        import torch
        import torch.nn.functional as F

        if not texts:
            return np.empty((0, self.dim), np.float32)
        out = []
        for start in range(0, len(texts), 64):
            with torch.inference_mode():
                tokens = self._tokenizer(list(texts[start : start + 64])).to(self._device)
                out.append(F.normalize(self._model.encode_text(tokens).float(), dim=1).cpu().numpy())
        return np.concatenate(out)


def text_encoder(name: str, what: str, fingerprint: str, device: str | None) -> ClipTextEncoder:
    import open_clip

    model, config = whole_model(what)
    folder = Path(what).expanduser()
    source = f"local-dir:{folder}" if folder.is_dir() else what.partition("/")[0]
    with reachable(
        f"open_clip:{what}", "Put the tokenizer files (tokenizer.json, tokenizer_config.json) into a folder"
    ):
        # With the context length and the cleaning that its configuration asks for.
        tokenizer = open_clip.get_tokenizer(source)
    return ClipTextEncoder(name, fingerprint, int(config["embed_dim"]), model, tokenizer, device)
