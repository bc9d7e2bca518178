"""The text tower of an open_clip model to train on. Towers that read by CLIP's own byte pairs, which come with open_clip;
one that is a HuggingFace model is named by itself (`hf:FOLDER`)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caseindex.encoders import checkpoint
from caseindex.encoders.tower_text import TowerTextEncoder
from caseindex.errors import ModelDamaged, ModelNotFound


@dataclass(frozen=True, slots=True)
class OpenClipText:
    """``config``: open_clip's `model_cfg`."""

    network: Any
    config: dict[str, Any]

    @property
    def width(self) -> int:
        return int(self.config["embed_dim"])

    def states(self, texts: Sequence[str]) -> Any:
        """[n, width] float32 torch tensor, with gradients where the network is trained."""
        import open_clip

        length = int(self.config["text_cfg"].get("context_length", 77))
        tokens = open_clip.tokenize(list(texts), context_length=length)
        return self.network.encode_text(tokens.to(next(self.network.parameters()).device)).float()

    def stored(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """(configuration, files by name) from which :func:`load_stored` makes it again, weights aside."""
        return {"kind": "open_clip", "config": self.config}, {}


def load_text(what: str) -> OpenClipText:
    """``what``: as in `open_clip:WHAT`."""
    from caseindex.encoders.open_clip_towers import whole_model

    model, config = whole_model(what)
    text = config.get("text_cfg", {})
    if config.get("custom_text") or any(key.startswith("hf_") for key in text) or "tokenizer_mode" in text:
        raise ModelNotFound(
            f"open_clip:{what}",
            "its text tower does not read by CLIP's own byte pairs, and cannot be trained here",
            "Name the text model itself: hf:NAME_OR_FOLDER",
        )
    kept: dict[str, Any] = {
        key: config[key] for key in ("embed_dim", "vision_cfg", "text_cfg", "quick_gelu") if key in config
    }
    return OpenClipText(_text_alone(copy.deepcopy(model)), kept)


def _text_alone(model: Any) -> Any:
    del model.visual
    return model.eval()


def load_stored(folder: Path, name: str, config: dict[str, Any], device: str | None) -> TowerTextEncoder:
    """The text side of a model folder that was trained on top of an open_clip model."""
    import open_clip
    import torch

    from caseindex.encoders.model import TEXT
    from caseindex.encoders.projection import load_head

    try:
        sizes = dict(config["text"]["config"])
        vision = {**sizes["vision_cfg"], "timm_model_pretrained": False}
        network = _text_alone(open_clip.CLIP(**{**sizes, "vision_cfg": vision}))
        tensors = checkpoint.read_tensors(folder, f"{TEXT}trunk.")
        network.load_state_dict({key: torch.from_numpy(value) for key, value in tensors.items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelDamaged(
            folder, f"its text network cannot be rebuilt ({type(error).__name__})", "Train it again"
        ) from error
    head = load_head(checkpoint.read_tensors(folder, f"{TEXT}head."), folder)
    text = OpenClipText(network, sizes)
    return TowerTextEncoder(name, config["fingerprint"], text, dim=int(config["dim"]), head=head, device=device)
