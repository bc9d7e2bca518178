"""A trained classifier: pictures or reports -> probabilities of the labels of one label set.

`config.json` has a ``classifier`` part instead of an encoder's ``image`` and ``text``: a classifier has no space in which
things are near each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from caseindex.encoders import checkpoint
from caseindex.encoders.preprocessing import Preprocessing
from caseindex.errors import ModelDamaged, ModelNotFound
from caseindex.records import Float32Array, PixelArray

IMAGE, TEXT = "image", "text"
NETWORK = "classifier."
_BATCH = 32


class Classifier:
    """``classes``: the label set, in the order of the probabilities; ``many``: an item may have several labels, and the
    probabilities are of each by itself. ``temperature``: logits are divided by it (Guo et al. 2017), fitted on
    validation patients. ``test_time``: views of a picture that are averaged unless asked otherwise."""

    def __init__(self, name: str, config: dict[str, Any]) -> None:
        part = config["classifier"]
        self.name = name
        self.fingerprint: str = config["fingerprint"]
        self.input: str = part["input"]
        self.kind: str = part["kind"]
        self.classes: tuple[str, ...] = tuple(map(str, part["classes"]))
        self.many = bool(part["many"])
        self.temperature = float(part["temperature"])
        self.mirror = bool(part.get("mirror", False))
        self.test_time = int(part.get("test_time", 1))
        if not self.classes or not self.temperature > 0:
            raise ValueError("no classes, or a temperature that is not above 0")

    def probabilities_of(self, logits: Float32Array) -> Float32Array:
        """[n, classes] -> [n, classes]."""
        return probabilities(logits / self.temperature, self.many)


def probabilities(logits: Float32Array, many: bool) -> Float32Array:
    """Softmax over the classes; with ``many`` a sigmoid each."""
    if many:
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))), np.float32)
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


class ImageClassifier(Classifier):
    """Of pictures; torch is imported with the first one."""

    def __init__(self, name: str, config: dict[str, Any], folder: Path, device: str | None = None) -> None:
        super().__init__(name, config)
        part = config["classifier"]
        self.preprocessing = tuple(Preprocessing.from_config(view, folder) for view in part["views"])
        self._trunk, self._folder, self._device = part.get("trunk"), folder, device
        self._loaded: Any = None

    def predict(self, pictures: Sequence[PixelArray], *, test_time: int | None = None) -> Float32Array:
        """Rendered pictures, each [rows, columns] or [rows, columns, 3] uint8 -> [n, classes] probabilities.

        ``test_time``: how many views (mirrored, turned) are averaged; default: as it was trained.
        """
        import torch

        from caseindex.encoders.classifier_networks import turned

        network, device = self._network()
        out = np.zeros((len(pictures), len(self.classes)), np.float32)
        count = test_time or self.test_time
        for start in range(0, len(pictures), _BATCH):
            some = pictures[start : start + _BATCH]
            views = [torch.from_numpy(np.stack([make(one) for one in some])).to(device) for make in self.preprocessing]
            with torch.inference_mode():
                for number in range(count):
                    logits = network([turned(view, number, self.mirror) for view in views]).float().cpu().numpy()
                    out[start : start + len(some)] += self.probabilities_of(logits) / count
        return out

    def _network(self) -> tuple[Any, str]:
        import torch

        device = self._device or ("cuda" if torch.cuda.is_available() else "cpu")
        if self._loaded is None:
            tensors = checkpoint.read_tensors(self._folder, NETWORK)
            network = image_network(self.kind, self._trunk, len(self.classes), tensors)
            _fill(network, tensors, self._folder)
            self._loaded = network.eval().requires_grad_(False).to(device)
        return self._loaded, device


def image_network(kind: str, trunk: dict[str, Any] | None, classes: int, tensors: dict[str, Any]) -> Any:
    """The architecture, for weights that are loaded afterwards."""
    from caseindex.encoders import catalogue
    from caseindex.encoders.classifier_networks import EncoderClassifier, EncoderHead, PublishedCnn
    from caseindex.encoders.whitening import Whitening

    if kind == "cnn":
        return PublishedCnn(classes)
    whitening = Whitening(tensors["head.mean"], tensors["head.projection"])
    head = EncoderHead(whitening, classes, len(tensors["head.hidden.weight"]))
    return EncoderClassifier(catalogue.untrained(trunk or {}), head)


class TextClassifier(Classifier):
    """Of reports. ``words``: a linear map of :mod:`~caseindex.encoders.report_features`, in numpy; ``lstm``: the
    published network."""

    def __init__(self, name: str, config: dict[str, Any], folder: Path) -> None:
        super().__init__(name, config)
        self._folder = folder
        tensors = checkpoint.read_tensors(folder, NETWORK)
        self._weight: Float32Array | None = None
        if self.kind == "words":
            self._weight, self._bias = tensors["weight"], tensors["bias"]
        else:
            from caseindex.encoders.classifier_networks import PublishedLstm
            from caseindex.encoders.word_windows import Words

            self._words = Words(tuple(config["classifier"]["words"]))
            self._lstm = PublishedLstm(len(self._words), len(self.classes))
            _fill(self._lstm, tensors, folder)
            self._lstm.eval()

    def predict(self, texts: Sequence[str]) -> Float32Array:
        """Reports -> [n, classes] probabilities; what is said of one text does not depend on the others."""
        if not texts:
            return np.zeros((0, len(self.classes)), np.float32)
        if self._weight is None:
            return self.probabilities_of(self._of_windows(texts))
        from caseindex.encoders.report_features import features_of

        found = [features_of(text) for text in texts]
        logits = [self._weight[item.places].T @ item.values + self._bias for item in found]
        return self.probabilities_of(np.asarray(np.stack(logits), np.float32))

    def _of_windows(self, texts: Sequence[str]) -> Float32Array:
        import torch

        out = []
        with torch.inference_mode():
            for start in range(0, len(texts), _BATCH):
                windows, owners = self._words.windows(texts[start : start + _BATCH])
                out.append(self._lstm((torch.from_numpy(windows), torch.from_numpy(owners))).numpy())
        return np.concatenate(out)


def load_classifier(models_dir: Path, name: str, *, device: str | None = None) -> ImageClassifier | TextClassifier:
    """``name``: a folder of ``models_dir`` that `train classifier` wrote, or a path to one.

    Raises :class:`~caseindex.errors.ModelNotFound`, also for a model that is none;
    :class:`~caseindex.errors.ModelDamaged`.
    """
    from caseindex.encoders.model import model_folder

    folder = model_folder(models_dir, name)
    if folder is None:
        raise ModelNotFound(name, "no such model of this archive", "Train one: `caseindex train classifier`")
    config = checkpoint.read_config(folder)
    if "classifier" not in config:
        raise ModelNotFound(name, "this model is no classifier", "Name one that `caseindex train classifier` made")
    try:
        if config["classifier"]["input"] == IMAGE:
            return ImageClassifier(name, config, folder, device)
        return TextClassifier(name, config, folder)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelDamaged(folder, f"its classifier cannot be read ({error})", "Train it again") from error


def _fill(network: Any, tensors: dict[str, Any], folder: Path) -> None:
    import torch

    try:
        network.load_state_dict({key: torch.from_numpy(np.array(value)) for key, value in tensors.items()})
    except RuntimeError as error:
        raise ModelDamaged(folder, "its weights do not fit its architecture", "Train it again") from error
