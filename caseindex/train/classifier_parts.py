"""The networks of `train classifier`, each with what it is given and what is saved of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from caseindex.encoders.classifier_networks import EncoderClassifier, EncoderHead, PublishedCnn, PublishedLstm
from caseindex.encoders.preprocessing import Preprocessing
from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.encoders.whitening import fit_whitening
from caseindex.encoders.word_windows import Words
from caseindex.index.archive import Archive
from caseindex.records import Float32Array, Int64Array
from caseindex.train.classifier_contrast import Contrast, chosen_contrast, with_contrast
from caseindex.train.classifier_data import LabelledItems
from caseindex.train.classifier_inputs import (
    CachedFeatures,
    HashedWords,
    Inputs,
    LinearBag,
    Pictures,
    Windows,
    cached_features,
    pixel_cache,
)
from caseindex.train.classifier_settings import CNN, WORDS, ClassifierSettings
from caseindex.train.pixel_cache import PixelCache
from caseindex.train.progress import OnProgress
from caseindex.train.run_folder import write_json
from caseindex.train.untrained import trainable


@dataclass(frozen=True, slots=True)
class Parts:
    """What is trained, what it is given, and the ``classifier`` part of the configuration with the tensors to save."""

    module: torch.nn.Module
    inputs: Inputs
    config: dict[str, Any]
    saved: Callable[[], dict[str, torch.Tensor]]
    readable: npt.NDArray[np.bool_] | None = None  # items whose picture could be decoded
    contrast: Contrast | None = None  # of an encoder's pictures


def of_text(
    data: LabelledItems, settings: ClassifierSettings, train: Int64Array, device: str, progress: OnProgress
) -> Parts:
    texts = [item.text or "" for item in data.items]
    if settings.network == WORDS:
        linear = LinearBag(len(data.classes)).to(device)
        inputs: Inputs = HashedWords(texts, settings.dropout, device, progress)
        return Parts(linear, inputs, {"kind": "words"}, linear.state_dict)
    words = Words.of([texts[place] for place in train], settings.vocabulary)
    network = PublishedLstm(len(words), len(data.classes)).to(device)
    config = {"kind": "lstm", "words": list(words.vocabulary)}
    return Parts(network, Windows(words, texts, device), config, network.state_dict)


def of_images(
    archive: Archive,
    data: LabelledItems,
    settings: ClassifierSettings,
    train: Int64Array,
    folder: Path,
    device: str,
    progress: OnProgress,
) -> Parts:
    uids = [item.uid for item in data.items]
    if settings.network == CNN:
        framed = with_contrast(_framed(Preprocessing(), settings), settings.contrast or 1.0)
        pixels = pixel_cache(archive, uids, framed, folder, progress)
        cnn = PublishedCnn(len(data.classes)).to(device)
        pictures = Pictures(pixels, settings.views, settings.mirror, settings.augment, device)
        return Parts(
            cnn, pictures, {"kind": "cnn", "views": [pixels.preprocessing.config()]}, cnn.state_dict, pixels.readable
        )
    _, encoder = trainable(archive.models_dir, settings.network, device)
    pixels = pixel_cache(archive, uids, _framed(encoder.preprocessing, settings), folder, progress)
    fitted_on = train[pixels.readable[train]]
    contrast = _contrast(encoder, pixels, data, settings, fitted_on, folder, progress)
    pixels.preprocessing = with_contrast(pixels.preprocessing, contrast.value)
    start = cached_features(
        encoder,
        pixels,
        settings.views if settings.frozen else 1,
        settings.mirror,
        folder / "features.npy",
        progress,
    )
    whitening = fit_whitening(_flat(start[fitted_on]), settings.whitened, shrinkage=0.1)
    head = EncoderHead(whitening, len(data.classes), settings.hidden, settings.dropout).to(device)
    config = {"kind": "encoder", "trunk": encoder.spec, "views": [pixels.preprocessing.config()]}
    whole = EncoderClassifier(encoder.network, head)
    if settings.frozen:
        inputs = CachedFeatures(start, device)
        return Parts(head, inputs, config, whole.state_dict, pixels.readable, contrast)
    encoder.network.requires_grad_(True)
    pictures = Pictures(pixels, settings.views, settings.mirror, settings.augment, device)
    return Parts(whole, pictures, config, whole.state_dict, pixels.readable, contrast)


def _contrast(
    encoder: TorchImageEncoder,
    pixels: PixelCache,
    data: LabelledItems,
    settings: ClassifierSettings,
    train: Int64Array,
    folder: Path,
    progress: OnProgress,
) -> Contrast:
    """As given, else chosen; an interrupted run keeps its choice."""
    if settings.contrast is not None:
        return Contrast(settings.contrast, {})
    file = folder / "contrast.json"
    if file.is_file():
        return msgspec.json.decode(file.read_bytes(), type=Contrast)
    found = chosen_contrast(
        encoder,
        pixels,
        data.truth,
        [item.patient for item in data.items],
        train,
        whitened=settings.whitened,
        seed=settings.seed,
        progress=progress,
    )
    write_json(file, asdict(found))
    return found


def _framed(base: Preprocessing, settings: ClassifierSettings) -> Preprocessing:
    return replace(base, height=settings.size, width=settings.size, content=settings.content)


def _flat(features: Float32Array) -> Float32Array:
    return features.reshape(-1, features.shape[-1])
