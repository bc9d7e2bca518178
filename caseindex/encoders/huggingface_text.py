"""Text models from outside: any HuggingFace encoder (mean of the last hidden state over the real tokens), the text tower
of a CLIP, SigLIP or Chinese-CLIP, a sentence-transformers folder; from a local folder or the hub."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from caseindex.encoders import checkpoint
from caseindex.encoders.sentence_folder import DenseLayer, is_sentence_folder, read_folder
from caseindex.encoders.text_reading import Reading, pooled_states
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
        reading: Reading | None = None,
        device: str | None = None,
    ) -> None:
        import torch

        self.name = name
        self.fingerprint = fingerprint
        self.dim = dim
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self._head = head
        self._reading = reading
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
                part = texts[start : start + 32]
                pooled = pooled_states(self.network, self.tokenizer, part, self.max_tokens, self._reading)
                out.append(F.normalize(pooled, dim=1).cpu().numpy())
        vectors = np.concatenate(out)
        return vectors if self._head is None else np.asarray(self._head(vectors), np.float32)


@dataclass(frozen=True, slots=True)
class TextNetwork:
    """A loaded text model: ``max_tokens`` is its longest input, ``width`` of the vectors before any head."""

    network: Any
    tokenizer: Any
    max_tokens: int
    width: int
    reading: Reading = Reading()  # noqa: RUF009 - frozen
    dense: tuple[DenseLayer, ...] = ()

    def states(self, texts: Sequence[str]) -> Any:
        """[n, width] float32 torch tensor, with gradients where the network is trained."""
        return pooled_states(self.network, self.tokenizer, texts, self.max_tokens, self.reading)

    def stored(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """(configuration, files by name) from which :func:`load_stored` makes it again, weights aside."""
        config: dict[str, Any] = {
            "kind": "huggingface",
            "config": _network_config(self.network),
            "special_tokens": {
                key: str(value) for key, value in self.tokenizer.special_tokens_map.items() if key.endswith("_token")
            },
            "inputs": list(self.tokenizer.model_input_names),
            "max_tokens": self.max_tokens,
        }
        if self.reading != Reading():
            config["reading"] = self.reading.config()
        if self.dense:
            config["dense"] = [layer.config() for layer in self.dense]
        return config, {"tokenizer.json": tokenizer_bytes(self.tokenizer)}


def load(what: str) -> TextNetwork:
    """``what``: a local folder or a hub name, with ``#PROMPT`` behind a sentence-transformers folder that has prompts;
    safetensors only."""
    from caseindex.encoders import huggingface_towers

    place, _, prompt = what.partition("#")
    folder = Path(place).expanduser()
    if not folder.is_dir() and place.startswith(("/", "./", "../", "~")):
        raise ModelNotFound(f"hf:{what}", "no such folder", "Name a folder that save_pretrained wrote")
    if huggingface_towers.has_towers(what):
        return _tower(what)
    if is_sentence_folder(folder):
        found = read_folder(folder, prompt or None)
        plain = _encoder_network(str(found.network))
        limit = min(plain.max_tokens, found.max_tokens or plain.max_tokens)
        width = found.dense[-1].width_out if found.dense else plain.width * len(found.reading.pooling)
        if found.dense:
            plain.network.dense = dense_layers(found.dense, weights=True)
        return replace(plain, reading=found.reading, max_tokens=limit, width=width, dense=found.dense)
    return _encoder_network(place)


def _tower(what: str) -> TextNetwork:
    import copy

    from caseindex.encoders import huggingface_towers

    model = huggingface_towers.load(what)
    tokenizer = _tokenizer(huggingface_towers.place_of(what), f"hf:{what}")
    padded = model.config.model_type == "siglip"
    return TextNetwork(
        copy.deepcopy(huggingface_towers.Tower(model, "text")).eval(),
        tokenizer,
        int(model.config.text_config.max_position_embeddings),
        huggingface_towers.width_of(model),
        Reading(pooling=("tower",), padded=padded),
    )


def _tokenizer(source: str, name: str) -> Any:
    offline_if_unreachable()
    import transformers

    folder = Path(source)
    with reachable(name, how_to_get(source, folder)), quiet(transformers):
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        except Exception:
            # A class of tokenizers whose library is not installed; the file alone says as much.
            if not (folder / "tokenizer.json").is_file():
                raise
            tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(source)
    if tokenizer.pad_token is None:
        raise ModelDamaged(name, "its tokenizer has no padding token", "Save it with one")
    return tokenizer


def dense_layers(layers: Sequence[DenseLayer], *, weights: bool) -> Any:
    """The layers behind the pooling, in PyTorch."""
    import torch

    from caseindex.encoders.weight_files import load_into

    kinds = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU, "gelu": torch.nn.GELU, "identity": torch.nn.Identity}
    out = torch.nn.ModuleList()
    for layer in layers:
        linear = torch.nn.Linear(layer.width_in, layer.width_out, bias=layer.bias)
        if weights and layer.folder is not None:
            checkpoint.refuse_pickle(layer.folder, WEIGHTS)
            holder = torch.nn.Module()
            holder.linear = linear
            load_into(holder, layer.folder / WEIGHTS)
        out.append(torch.nn.Sequential(linear, kinds[layer.activation]()))
    return out


def _network_config(network: Any) -> dict[str, Any]:
    from caseindex.encoders.huggingface_towers import stored_config

    return stored_config(network)


def _encoder_network(what: str) -> TextNetwork:
    """Any encoder, its mean state."""
    offline_if_unreachable()
    import torch
    import transformers

    folder = Path(what).expanduser()
    if folder.is_dir():
        checkpoint.refuse_pickle(folder, WEIGHTS)
    source = str(folder) if folder.is_dir() else what
    tokenizer = _tokenizer(source, f"hf:{what}")
    with reachable(f"hf:{what}", how_to_get(what, folder)), quiet(transformers):
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
    positions = int(getattr(network.config, "max_position_embeddings", 512) or 512)
    limit = min(positions, int(tokenizer.model_max_length), 512)
    return TextNetwork(network, tokenizer, limit, int(network.config.hidden_size))


def how_to_get(what: str, folder: Path) -> str:
    if folder.is_dir():
        return f"A folder that save_pretrained wrote holds config.json, {WEIGHTS} and tokenizer.json"
    return f"On a machine with a network: hf download {what} --local-dir FOLDER; copy FOLDER here, then name hf:FOLDER"


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
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


def encoder(name: str, what: str, device: str | None = None, fingerprint: str | None = None) -> HuggingFaceTextEncoder:
    """The model as it is. Its space is its own, unless ``fingerprint`` is given: that of the image tower beside it."""
    loaded = load(what)
    return HuggingFaceTextEncoder(
        name=name,
        fingerprint=fingerprint or _fingerprint(loaded),
        dim=loaded.width,
        network=loaded.network,
        tokenizer=loaded.tokenizer,
        max_tokens=loaded.max_tokens,
        reading=loaded.reading,
        device=device,
    )


def _fingerprint(loaded: TextNetwork) -> str:
    digest = hashlib.sha256(tokenizer_bytes(loaded.tokenizer)).hexdigest()
    text: dict[str, Any] = {"kind": "huggingface", "pooling": "mean", "max_tokens": loaded.max_tokens}
    if loaded.reading != Reading():
        text["reading"] = loaded.reading.config()
    if loaded.dense:
        text["dense"] = [layer.config() for layer in loaded.dense]
    return checkpoint.combined({"text": text}, {"weights": state_digest(loaded.network), "tokenizer": digest})


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
    reading = Reading.from_config(part.get("reading", {}), folder)
    try:
        network = _stored_network(part, reading)
        tensors = checkpoint.read_tensors(folder, f"{TEXT}trunk.")
        network.load_state_dict({key: torch.from_numpy(value) for key, value in tensors.items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
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
        reading=reading,
        device=device,
    )


def _stored_network(part: dict[str, Any], reading: Reading) -> Any:
    """The architecture that ``part`` describes, for weights that are loaded afterwards."""
    from caseindex.encoders import huggingface_towers

    model = huggingface_towers.build(part["config"])
    if reading.pooling == ("tower",):
        if part["config"]["model_type"] == "chinese_clip":
            model.text_model.pooler = None
        return huggingface_towers.Tower(model, "text")
    network = without_pooler(model)
    layers = [DenseLayer(one["in"], one["out"], one["bias"], one["activation"]) for one in part.get("dense", [])]
    if layers:
        network.dense = dense_layers(layers, weights=False)
    return network


def _apply(head: Any, vectors: Float32Array) -> Float32Array:
    return np.asarray(head(vectors), np.float32)
