"""CLIP, SigLIP and Chinese-CLIP as transformers saves them: image and text in one space, from a folder or the hub."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import torch

from caseindex.encoders import checkpoint
from caseindex.encoders.catalogue import Trunk
from caseindex.encoders.open_clip_towers import MEAN, STD
from caseindex.encoders.preprocessing import Fit, Preprocessing
from caseindex.encoders.sentence_folder import is_sentence_folder, read_folder
from caseindex.encoders.weight_files import offline_if_unreachable, reachable, state_digest
from caseindex.errors import ModelDamaged, ModelNotFound

#: transformers' model types -> how pictures are brought to the network's square. CLIP's own processors cut the longer
#: side, and anatomy with it: here the picture is padded. SigLIP stretches.
KNOWN: Final[dict[str, Fit]] = {"clip": "pad", "chinese_clip": "pad", "siglip": "squash"}


def place_of(what: str) -> str:
    """The folder of the network: a sentence-transformers folder keeps its CLIP in a folder inside."""
    folder = Path(what.partition("#")[0]).expanduser()
    if is_sentence_folder(folder):
        return str(read_folder(folder).network)
    return str(folder) if folder.is_dir() else what.partition("#")[0]


def model_type(what: str) -> str:
    """transformers' name of the architecture, ``""`` where the configuration cannot be read."""
    place = Path(place_of(what))
    if place.is_dir():
        try:
            return str(json.loads((place / checkpoint.CONFIG).read_text("utf-8")).get("model_type", ""))
        except (OSError, ValueError, AttributeError):
            return ""
    offline_if_unreachable()
    import transformers

    try:
        return str(transformers.AutoConfig.from_pretrained(str(what), trust_remote_code=False).model_type)
    except Exception:  # whoever loads it says why it cannot be had
        return ""


def has_towers(what: str) -> bool:
    return model_type(what) in KNOWN


class Tower(torch.nn.Module):
    """``side``: ``"image"`` (pixels [n, 3, height, width] -> [n, dim]) or ``"text"`` (token ids -> [n, dim]). Tensors
    keep the names of the whole model."""

    def __init__(self, model: Any, side: str) -> None:
        super().__init__()
        self.config = model.config
        self.side = side
        self._body, self._projection = (
            ("vision_model", "visual_projection") if side == "image" else ("text_model", "text_projection")
        )
        for name in (self._body, self._projection):
            if hasattr(model, name):  # SigLIP projects within its tower
                setattr(self, name, getattr(model, name))

    def forward(self, pixels: Any = None, **tokens: Any) -> Any:
        body = getattr(self, self._body)
        out = body(pixel_values=pixels) if self.side == "image" else body(**tokens)
        pooled = out.pooler_output
        if pooled is None:  # Chinese-CLIP's BERT: the state at [CLS]
            pooled = out.last_hidden_state[:, 0]
        return getattr(self, self._projection)(pooled) if hasattr(self, self._projection) else pooled


def build(config: dict[str, Any]) -> Any:
    """The whole model that a stored configuration describes, without weights."""
    import transformers

    settings = dict(config)
    with reachable("hf", "Its configuration has to describe a CLIP, SigLIP or Chinese-CLIP"):
        return transformers.AutoModel.from_config(
            transformers.AutoConfig.for_model(settings.pop("model_type"), **settings)
        )


def stored_config(model: Any) -> dict[str, Any]:
    """What :func:`build` needs, as JSON."""
    given = model.config.to_diff_dict() | {"model_type": model.config.model_type}
    kept = {key: value for key, value in given.items() if key not in ("_name_or_path", "dtype", "transformers_version")}
    return dict(json.loads(json.dumps(kept, default=str)))


@cache
def load(what: str) -> Any:
    """The whole model in float32; safetensors only."""
    offline_if_unreachable()
    import transformers

    from caseindex.encoders.huggingface_text import WEIGHTS, how_to_get, quiet

    place = place_of(what)
    folder = Path(place)
    if folder.is_dir():
        checkpoint.refuse_pickle(folder, WEIGHTS)
    kind = model_type(what)
    if kind not in KNOWN:
        raise ModelNotFound(
            f"hf:{what}",
            f"no image tower in a {kind or 'folder without a configuration'}",
            f"Known with one: {', '.join(KNOWN)}",
        )
    with reachable(f"hf:{what}", how_to_get(place, folder)), quiet(transformers):
        model, report = transformers.AutoModel.from_pretrained(
            place, trust_remote_code=False, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
    if kind == "chinese_clip":
        model.text_model.pooler = None  # unused, and drawn anew with each loading
    missing = sorted(name for name in report["missing_keys"] if "pooler." not in name or kind == "siglip")
    if missing or report["mismatched_keys"]:
        raise ModelDamaged(
            f"hf:{what}", f"its weights lack {', '.join(missing[:3]) or 'the right shapes'}", "Copy it again"
        )
    return model.eval()


def image_trunk(what: str) -> Trunk:
    model = load(what)
    size = int(model.config.vision_config.image_size)
    mean, std = _normalisation(place_of(what), model.config.model_type)
    return Trunk(
        spec={"family": "hf", "config": stored_config(model)},
        dim=width_of(model),
        preprocessing=Preprocessing(
            height=size, width=size, fit=KNOWN[model.config.model_type], mean=tuple(mean), std=tuple(std)
        ),
        build=lambda: copy.deepcopy(Tower(model, "image")),  # training changes it
        weights_digest=lambda: state_digest(model),  # both towers: a fingerprint stands for one space
    )


def architecture(spec: dict[str, Any]) -> torch.nn.Module:
    return Tower(build(spec["config"]), "image")


def width_of(model: Any) -> int:
    return int(getattr(model.config, "projection_dim", 0) or model.config.vision_config.hidden_size)


def _normalisation(place: str, kind: str) -> tuple[list[float], list[float]]:
    plain = ([0.5] * 3, [0.5] * 3) if kind == "siglip" else (list(MEAN), list(STD))
    path = Path(place) / "preprocessor_config.json"
    if not path.is_file():
        return plain
    try:
        given = json.loads(path.read_text("utf-8"))
        mean, std = (
            [float(value) for value in given.get(key, other)]
            for key, other in zip(("image_mean", "image_std"), plain, strict=True)
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelDamaged(path, f"not a processor's configuration ({error})", "Copy it again") from error
    return mean, std
