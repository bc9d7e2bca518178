"""A ruCLIP folder of two small layers, weights drawn by numpy, and what the PyPI packages `ruclip` 0.0.2 and
`youtokentome` 1.0.6 compute with it.

`ruclip_reference.json` is written by ``PYTHONPATH=FOLDER python -m tests.encoders.tiny_ruclip``, FOLDER holding
both packages (`pip install --no-deps --target FOLDER ruclip youtokentome more-itertools`; youtokentome builds with
Cython below 3).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

REFERENCE = Path(__file__).with_name("ruclip_reference.json")
CONFIG = {
    "embed_dim": 24,
    "image_resolution": 32,
    "vision_layers": 2,
    "vision_width": 64,
    "vision_patch_size": 16,
    "context_length": 20,
    "vocab_size": 220,
    "transformer_width": 32,
    "transformer_heads": 4,
    "transformer_layers": 2,
}
LEARNED_FROM = """ОНМК по геморрагическому типу левой гемисферы головного мозга с прорывом в желудочки
Патологии не выявлено
ОНМК по ишемическому типу в бассейне ПСМА, отек правой гемисферы головного мозга
Умеренный отек правой гемисферы головного мозга
Субарахноидальное кровоизлияние, дисциркуляторная энцефалопатия
Смещения срединных структур нет. Желудочки не расширены. Очаговых изменений не выявлено
""".lower()
TEXTS = [
    "ОНМК по геморрагическому типу левой гемисферы",
    "Патологии не выявлено",
    "",
    "  отек\tголовного \n мозга  ",
    "кровоизлияние 25x30 мм (stroke) 脑出血!?",
    "желудочки▁не расширены\u00a0справа",
    "смещения срединных структур нет, " * 12,
]


def weights(shapes: dict[str, torch.Size]) -> dict[str, torch.Tensor]:
    """By name and shape alone, so that every machine draws the same."""
    out = {}
    for number, name in enumerate(sorted(shapes)):
        drawn = np.random.default_rng([7, number]).standard_normal(tuple(shapes[name])) * 0.2
        out[name] = torch.from_numpy(np.asarray(drawn, np.float32))
    return out


def pixels() -> torch.Tensor:
    drawn = np.random.default_rng(11).standard_normal((3, 3, 32, 32))
    return torch.from_numpy(drawn.astype(np.float32))


def save(folder: Path, network: Any, *, pickled: bool = False) -> Path:
    """As it is published; ``network``: whose tensor names and shapes are filled."""
    from safetensors.torch import save_file

    folder.mkdir(exist_ok=True)
    state = weights({name: value.shape for name, value in network.state_dict().items()})
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "bpe.model").write_text(json.loads(REFERENCE.read_text("utf-8"))["bpe"], "ascii")
    if pickled:
        torch.save(state, folder / "pytorch_model.bin")
    else:
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def published() -> tuple[Any, Any]:
    """(`ruclip.model`, `ruclip.processor`). The package's own start imports what newer hubs no longer have."""
    import importlib
    import sys

    import huggingface_hub

    if not hasattr(huggingface_hub, "cached_download"):
        huggingface_hub.cached_download = None  # type: ignore[attr-defined]
    try:
        return importlib.import_module("ruclip.model"), importlib.import_module("ruclip.processor")
    finally:
        if huggingface_hub.__dict__.get("cached_download", ...) is None:
            del huggingface_hub.cached_download  # type: ignore[attr-defined]
        sys.modules.pop("ruclip", None)


def computed(folder: Path) -> dict[str, Any]:
    """What the published packages give for the folder."""
    model, processor = published()
    network = model.CLIP.from_pretrained(str(folder)).eval()
    reader = processor.RuCLIPProcessor.from_pretrained(str(folder))
    ids = reader(text=TEXTS)["input_ids"]
    with torch.inference_mode():
        texts, images = network.encode_text(ids), network.encode_image(pixels())
    return {"ids": ids.tolist(), "texts": texts.tolist(), "images": images.tolist()}


def main() -> None:
    import tempfile

    import youtokentome

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "corpus").write_text(LEARNED_FROM, "utf-8")
        # Not every letter: what is rare becomes unknown.
        youtokentome.BPE.train(
            str(folder / "corpus"), str(folder / "bpe.model"), CONFIG["vocab_size"] - 4, coverage=0.995, n_threads=1
        )
        REFERENCE.write_text(json.dumps({"bpe": (folder / "bpe.model").read_text("ascii")}) + "\n")
        network = published()[0].CLIP(**CONFIG)
        save(folder / "m", network, pickled=True)
        document = {"bpe": (folder / "bpe.model").read_text("ascii"), **computed(folder / "m")}
    REFERENCE.write_text(json.dumps(document) + "\n", "ascii")


if __name__ == "__main__":
    main()
