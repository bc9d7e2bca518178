"""A model by name: an image encoder, a text encoder, or both in one space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from caseindex.encoders import catalogue, checkpoint
from caseindex.encoders.headed_image import HeadedImageEncoder
from caseindex.encoders.preprocessing import Preprocessing
from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.errors import ModelDamaged, ModelNotFound
from caseindex.protocols import ImageEncoder, TextEncoder

#: Tensors of a folder's `model.safetensors`, by what they belong to.
TRUNK, HEAD, TEXT = "image.trunk.", "image.head.", "text."


@dataclass(frozen=True, slots=True)
class Model:
    """``image`` and ``text`` share ``fingerprint`` and space where both are there. Loading it imports no torch;
    encoding the first image does (a text encoder of `train pair --text-encoder tiny` never does)."""

    name: str
    fingerprint: str
    image: ImageEncoder | None
    text: TextEncoder | None
    dim: int
    config: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def load_model(models_dir: Path, name: str, *, device: str | None = None) -> Model:
    """``name``: a folder of ``models_dir``, a path to a model folder, or a name of the catalogue (`imagenet`, `grid`,
    `timm:NAME`, `torchvision:NAME`, `open_clip:NAME`, `hf:NAME`, `ruclip:FOLDER`). A folder of ``models_dir`` wins.

    Raises :class:`~caseindex.errors.ModelNotFound`, :class:`~caseindex.errors.ModelDamaged`.
    """
    folder = model_folder(models_dir, name)
    if folder is not None:
        return _from_folder(folder, name, device)
    family, _, what = name.partition(":")
    if family == "hf" and not _has_image_tower(what):
        from caseindex.encoders import huggingface_text

        encoder = huggingface_text.encoder(name, what, device)
        return Model(name, encoder.fingerprint, None, encoder, encoder.dim)
    _listed(models_dir, name)
    trunk = catalogue.trunk(name)
    image = _image_of(trunk, name, device)
    text = _text_tower(family, name, what, image.fingerprint, device)
    return Model(name, image.fingerprint, image, text, image.dim, MappingProxyType({"image": trunk.spec}))


def _has_image_tower(what: str) -> bool:
    from caseindex.encoders import huggingface_towers

    return huggingface_towers.has_towers(what)


def _text_tower(family: str, name: str, what: str, fingerprint: str, device: str | None) -> TextEncoder | None:
    """The text encoder in the space of an image tower of the catalogue."""
    if family == "open_clip":
        from caseindex.encoders import open_clip_towers

        return open_clip_towers.text_encoder(name, what, fingerprint, device)
    if family == "hf":
        from caseindex.encoders import huggingface_text

        return huggingface_text.encoder(name, what, device, fingerprint)
    if family == "ruclip":
        from caseindex.encoders import ruclip_towers

        return ruclip_towers.text_encoder(name, what, fingerprint, device)
    return None


def load_text_encoder(models_dir: Path, name: str, *, device: str | None = None) -> TextEncoder | None:
    """The text side alone, or ``None`` for a model without one (`imagenet`, `grid`); arguments as in
    :func:`load_model`."""
    folder = model_folder(models_dir, name)
    if folder is not None:
        config = checkpoint.read_config(folder)
        return _text_of(folder, name, config, device)
    if name.partition(":")[0] in ("hf", "open_clip", "ruclip"):
        return load_model(models_dir, name, device=device).text
    _listed(models_dir, name)
    return None


def model_folder(models_dir: Path, name: str) -> Path | None:
    """Where the model ``name`` lies on disk; ``None`` for a name of the catalogue."""
    if not name or name in (".", ".."):
        raise ModelNotFound(repr(name), "not a model's name", f"Known: {catalogue.known_names()}")
    inside = models_dir / name
    if "/" not in name and "\\" not in name and ":" not in name and inside.is_dir():
        return inside
    path = Path(name).expanduser()
    if path.is_file():
        checkpoint.refuse_pickle(path)
    if (path / checkpoint.CONFIG).is_file() and name not in catalogue.NAMED:
        return path
    return None


def _listed(models_dir: Path, name: str) -> None:
    family, colon, what = name.partition(":")
    if name in catalogue.NAMED or (colon and what and family in catalogue.FAMILIES):
        return
    own = sorted(item.name for item in models_dir.glob("*") if (item / checkpoint.CONFIG).is_file())
    raise ModelNotFound(
        name,
        "no such model",
        f"Of this archive: {', '.join(own) or 'none yet'}. Of the catalogue: {catalogue.known_names()}, "
        "hf:NAME_OR_FOLDER of a text encoder. Train one with `caseindex train pair --name NAME`",
    )


def trunk_fingerprint(trunk: catalogue.Trunk) -> str:
    """Of a trunk of the catalogue used as it is."""
    config = {"image": {"trunk": trunk.spec, "preprocessing": trunk.preprocessing.config()}}
    return checkpoint.combined(config, {"weights": trunk.weights_digest()})


def _image_of(trunk: catalogue.Trunk, name: str, device: str | None) -> TorchImageEncoder:
    return TorchImageEncoder(
        name=name,
        fingerprint=trunk_fingerprint(trunk),
        dim=trunk.dim,
        preprocessing=trunk.preprocessing,
        build=trunk.build,
        spec=trunk.spec,
        device=device,
    )


def _from_folder(folder: Path, name: str, device: str | None) -> Model:
    config = checkpoint.read_config(folder)
    if "classifier" in config:
        raise ModelNotFound(name, "a classifier, which has no space to compare in", "Name an encoder")
    image = _headed(folder, name, config, device) if config.get("image") else None
    text = _text_of(folder, name, config, device)
    if image is None and text is None:
        raise ModelDamaged(folder, "neither an image nor a text encoder in it", "Copy it again, or train it again")
    return Model(name, config["fingerprint"], image, text, int(config["dim"]), MappingProxyType(config))


def _headed(folder: Path, name: str, config: dict[str, Any], device: str | None) -> HeadedImageEncoder:
    from caseindex.encoders.projection import load_head

    part = config["image"]
    try:
        spec, dim, trunk_dim = part["trunk"], int(config["dim"]), int(part["trunk_dim"])
        preprocessing = Preprocessing.from_config(part["preprocessing"], folder)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelDamaged(folder, f"its configuration lacks {error}", "Copy it again, or train it again") from error
    base = TorchImageEncoder(
        name=name,
        fingerprint=part.get("base_fingerprint") or config["fingerprint"],
        dim=trunk_dim,
        preprocessing=preprocessing,
        build=partial(_stored_trunk, folder, spec),
        spec=spec,
        device=device,
    )
    return HeadedImageEncoder(
        name=name,
        fingerprint=config["fingerprint"],
        dim=dim,
        base=base,
        head=load_head(checkpoint.read_tensors(folder, HEAD), folder),
        base_fingerprint=part.get("base_fingerprint"),
    )


def _stored_trunk(folder: Path, spec: dict[str, Any]) -> Any:
    import torch

    try:
        network = catalogue.untrained(spec)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelDamaged(folder, f"its configuration lacks {error}", "Copy it again, or train it again") from error
    tensors = {key: torch.from_numpy(value) for key, value in checkpoint.read_tensors(folder, TRUNK).items()}
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise ModelDamaged(folder, "its weights do not fit its architecture", "Train it again") from error
    return network


def _text_of(folder: Path, name: str, config: dict[str, Any], device: str | None) -> TextEncoder | None:
    part = config.get("text")
    if not part:
        return None
    kind = part.get("kind")
    if kind == "concepts":
        from caseindex.encoders.concept_text import load_concept_encoder

        return load_concept_encoder(folder, name, config)
    if kind == "huggingface":
        from caseindex.encoders.huggingface_text import load_stored

        return load_stored(folder, name, config, device)
    if kind == "open_clip":
        from caseindex.encoders import open_clip_text

        return open_clip_text.load_stored(folder, name, config, device)
    if kind == "ruclip":
        from caseindex.encoders import ruclip_towers

        return ruclip_towers.load_stored(folder, name, config, device)
    raise ModelDamaged(folder, f"text encoder of unknown kind {kind!r}", "Install a newer caseindex")
