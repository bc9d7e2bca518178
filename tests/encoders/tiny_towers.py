"""CLIP, SigLIP, Chinese-CLIP and sentence-transformers folders of a few thousand parameters, as they are published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from tests.encoders.tiny_text_models import SPECIAL, WORDS, save_bert, tokenizer

VOCABULARY = len(SPECIAL) + len(WORDS.split())
TEXT: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 20,
}
VISION: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 16,
}


def save_towers(folder: Path, kind: str) -> Any:
    """Writes the folder; gives the whole model. ``kind``: clip, siglip, chinese_clip."""
    import transformers

    torch.manual_seed(0)
    if kind == "clip":
        config: Any = transformers.CLIPConfig(
            text_config={**TEXT, "eos_token_id": 3, "bos_token_id": 2, "pad_token_id": 0},
            vision_config=VISION,
            projection_dim=16,
        )
        model: Any = transformers.CLIPModel(config)
    elif kind == "siglip":
        config = transformers.SiglipConfig(text_config={**TEXT, "projection_size": 32}, vision_config=VISION)
        model = transformers.SiglipModel(config)
    else:
        config = transformers.ChineseCLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=16)
        model = transformers.ChineseCLIPModel(config)
    with torch.no_grad():
        for value in model.parameters():
            if value.ndim > 1:  # far from the tiny start values, so that tokens and places matter
                value.normal_(0, 0.2)
    model.eval().save_pretrained(folder)
    tokenizer(folder, "bert" if kind == "chinese_clip" else "plain")
    mean = [0.4, 0.5, 0.6]
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": mean, "image_std": [0.2, 0.25, 0.3]}))
    return model


def save_sentence_folder(
    folder: Path, *, pooling: dict[str, Any], dense: bool = False, prompts: dict[str, str] | None = None
) -> Path:
    """The oldest and most common form: flags of the pooling, a Dense, a Normalize."""
    from safetensors.torch import save_file

    folder.mkdir()
    save_bert(folder)
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 12, "do_lower_case": False}))
    names = ["", "1_Pooling", *(["2_Dense"] if dense else []), "9_Normalize"]
    kinds = ["Transformer", "Pooling", *(["Dense"] if dense else []), "Normalize"]
    modules = [
        {"idx": number, "name": str(number), "path": name, "type": f"sentence_transformers.models.{kind}"}
        for number, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 32, **pooling}))
    if dense:
        place = folder / "2_Dense"
        place.mkdir()
        settings = {
            "in_features": 32,
            "out_features": 12,
            "bias": True,
            "activation_function": "torch.nn.modules.activation.Tanh",
        }
        (place / "config.json").write_text(json.dumps(settings))
        torch.manual_seed(1)
        save_file({"linear.weight": torch.randn(12, 32), "linear.bias": torch.randn(12)}, place / "model.safetensors")
    (folder / "9_Normalize").mkdir()
    if prompts is not None:
        document = {"prompts": prompts, "default_prompt_name": next(iter(prompts))}
        (folder / "config_sentence_transformers.json").write_text(json.dumps(document))
    return folder
