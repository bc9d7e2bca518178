"""Any HuggingFace text model, from a local folder or the hub: mean of the last hidden state over the real tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from caseindex.encoders import checkpoint
from caseindex.encoders.weight_files import offline_if_unreachable, reachable, state_digest
from caseindex.errors import ModelDamaged, ModelNotFound
from caseindex.records import Float32Array

WEIGHTS = "model.safetensors"


class HuggingFaceTextEncoder:
    """Texts -> unit vectors. Longer texts are cut at ``max_tokens``. ``head``: [n, width] -> [n, dim], numpy."""

    def __init__(
        self,
        *,
        name: str,
        fingerprint: str,
        dim: int,
        network: Any,
        tokenizer: Any,
        max_tokens: int,
        head: Any = None,
        device: str | None = None,
    ) -> None:
        import torch

        self.name = name
        self.fingerprint = fingerprint
        self.dim = dim
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self._head = head
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.network = network.eval().to(self._device)

    def encode(self, texts: Sequence[str]) -> Float32Array:
        """n texts -> [n, dim] float32, L2-normalised."""
        import torch
        import torch.nn.functional as F

        if not texts:
            return np.empty((0, self.dim), np.float32)
        out = []
        for start in range(0, len(texts), 32):
            with torch.inference_mode():
                pooled = pooled_states(self.network, self.tokenizer, texts[start : start + 32], self.max_tokens)
                out.append(F.normalize(pooled, dim=1).cpu().numpy())
        vectors = np.concatenate(out)
        return vectors if self._head is None else np.asarray(self._head(vectors), np.float32)


def pooled_states(network: Any, tokenizer: Any, texts: Sequence[str], max_tokens: int) -> Any:
    """[n, width] float32 torch tensor: the mean of the last hidden state over tokens that are not padding."""
    device = next(network.parameters()).device
    tokens = tokenizer(list(texts), padding=True, truncation=True, max_length=max_tokens, return_tensors="pt")
    tokens = {key: value.to(device) for key, value in tokens.items()}
    states = network(**tokens).last_hidden_state.float()
    mask = tokens["attention_mask"].unsqueeze(-1).float()
    return (states * mask).sum(1) / mask.sum(1).clamp(min=1)


def load(what: str) -> tuple[Any, Any, int]:
    """(network, tokenizer, longest input in tokens) of a local folder or a hub name; safetensors only."""
    offline_if_unreachable()
    import torch
    import transformers

    folder = Path(what).expanduser()
    if folder.is_dir():
        checkpoint.refuse_pickle(folder, WEIGHTS)
    elif what.startswith(("/", "./", "../", "~")):
        raise ModelNotFound(f"hf:{what}", "no such folder", "Name a folder that save_pretrained wrote")
    with reachable(f"hf:{what}", _how(what, folder)), _quiet(transformers):
        source = str(folder) if folder.is_dir() else what
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        # In float32 whatever it was saved in: the same vectors on every machine, and weights that can be trained.
        network, report = transformers.AutoModel.from_pretrained(
            source, trust_remote_code=False, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
    without_pooler(network)
    missing = sorted(name for name in report["missing_keys"] if not name.startswith("pooler."))
    if missing or report["mismatched_keys"]:
        raise ModelDamaged(
            f"hf:{what}", f"its weights lack {', '.join(missing[:3]) or 'the right shapes'}", "Copy it again"
        )
    if network.config.is_encoder_decoder or not hasattr(network.config, "hidden_size"):
        raise ModelDamaged(
            f"hf:{what}", f"a {network.config.model_type} is not a text encoder", "Name an encoder such as a BERT"
        )
    if tokenizer.pad_token is None:
        raise ModelDamaged(f"hf:{what}", "its tokenizer has no padding token", "Save it with one")
    positions = int(getattr(network.config, "max_position_embeddings", 512) or 512)
    return network, tokenizer, min(positions, int(tokenizer.model_max_length), 512)


def _how(what: str, folder: Path) -> str:
    if folder.is_dir():
        return f"A folder that save_pretrained wrote holds config.json, {WEIGHTS} and tokenizer.json"
    return f"On a machine with a network: hf download {what} --local-dir FOLDER; copy FOLDER here, then name hf:FOLDER"


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """No progress bar and no table of unused weights on stderr."""
    logging = transformers.utils.logging
    before, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bar:
            logging.enable_progress_bar()


def without_pooler(network: Any) -> Any:
    """``network`` with its unused pooler taken off. Language models are published without one; transformers would
    draw its weights anew with each loading, and the fingerprint with them."""
    if getattr(network, "pooler", None) is not None:
        network.pooler = None
    return network


def encoder(name: str, what: str, device: str | None = None) -> HuggingFaceTextEncoder:
    """The model as it is; its space is its own, no image encoder shares it."""
    network, tokenizer, max_tokens = load(what)
    digest = hashlib.sha256(tokenizer_bytes(tokenizer)).hexdigest()
    config = {"text": {"kind": "huggingface", "pooling": "mean", "max_tokens": max_tokens}}
    fingerprint = checkpoint.combined(config, {"weights": state_digest(network), "tokenizer": digest})
    return HuggingFaceTextEncoder(
        name=name,
        fingerprint=fingerprint,
        dim=int(network.config.hidden_size),
        network=network,
        tokenizer=tokenizer,
        max_tokens=max_tokens,
        device=device,
    )


def tokenizer_bytes(tokenizer: Any) -> bytes:
    """The `tokenizer.json` of a fast tokenizer."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelDamaged(tokenizer.name_or_path, "it has no tokenizer.json", "Save it with a fast tokenizer")
    return str(backend.to_str()).encode()


def load_stored(folder: Path, name: str, config: dict[str, Any], device: str | None) -> HuggingFaceTextEncoder:
    """The text side of a model folder that was trained on top of a HuggingFace model."""
    import torch
    import transformers

    from caseindex.encoders.model import TEXT
    from caseindex.encoders.projection import load_head

    part = config["text"]
    try:
        settings = dict(part["config"])
        network = transformers.AutoModel.from_config(
            transformers.AutoConfig.for_model(settings.pop("model_type"), **settings)
        )
        tensors = checkpoint.read_tensors(folder, f"{TEXT}trunk.")
        without_pooler(network).load_state_dict({key: torch.from_numpy(value) for key, value in tensors.items()})
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelDamaged(
            folder, f"its text network cannot be rebuilt ({type(error).__name__})", "Train it again"
        ) from error
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        model_input_names=part.get("inputs", ["input_ids", "token_type_ids", "attention_mask"]),
        **part["special_tokens"],
    )
    head = load_head(checkpoint.read_tensors(folder, f"{TEXT}head."), folder)
    return HuggingFaceTextEncoder(
        name=name,
        fingerprint=config["fingerprint"],
        dim=int(config["dim"]),
        network=network,
        tokenizer=tokenizer,
        max_tokens=int(part["max_tokens"]),
        head=partial(_apply, head),
        device=device,
    )


def _apply(head: Any, vectors: Float32Array) -> Float32Array:
    return np.asarray(head(vectors), np.float32)
