"""CLIP models of one small layer, written as their publishers write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from tests.encoders.tiny_text_models import save_bert

VISION = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16}
PLAIN = {
    "embed_dim": 16,
    "vision_cfg": VISION,
    "text_cfg": {"context_length": 20, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
#: As BiomedCLIP is published: a HuggingFace text tower whose tokenizer lies in the same folder.
WITH_BERT = {
    "embed_dim": 16,
    "vision_cfg": VISION,
    "text_cfg": {
        "hf_model_name": "nobody/tiny-bert",
        "hf_tokenizer_name": "nobody/tiny-bert",
        "hf_proj_type": "mlp",
        "hf_pooler_type": "cls_last_hidden_state_pooler",
        "context_length": 24,
        "tokenizer_kwargs": {"strip_sep_token": True},
    },
}


def save(folder: Path, config: dict[str, Any]) -> Path:
    import open_clip
    from safetensors.torch import save_file

    folder.mkdir(exist_ok=True)
    if "hf_model_name" in config["text_cfg"]:
        save_bert(folder)
        (folder / "model.safetensors").unlink()
        here = {"hf_model_name": str(folder), "hf_model_pretrained": False}
        torch.manual_seed(0)
        model: Any = open_clip.CustomTextCLIP(**{**config, "text_cfg": {**config["text_cfg"], **here}})
    else:
        torch.manual_seed(0)
        model = open_clip.CLIP(**config)
    preprocess = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}
    document = {"model_cfg": config, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(document))
    save_file({key: value.clone() for key, value in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    return folder
