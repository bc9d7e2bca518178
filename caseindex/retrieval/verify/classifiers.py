"""Witness (b): two classifiers over one label set, one of images and one of texts, and whether they agree (the first
method of "Joint analysis of reports and brain CT"). Of a study that either was trained on it cannot know.

The image's probabilities are kept with the archive's embeddings, as their square roots: a unit vector (Hellinger 1909).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from caseindex.errors import CaseindexError
from caseindex.index.archive import Archive
from caseindex.index.trained_on import trained_on
from caseindex.records import Float32Array, ItemKind, PixelArray
from caseindex.retrieval.verify.logistic import Floats

_BATCH = 32


class TextLabels(Protocol):
    """``classes``: the label set; reports -> [n, classes] probabilities that sum to one."""

    fingerprint: str
    classes: tuple[str, ...]

    def predict(self, texts: Sequence[str]) -> Float32Array: ...


class ImageLabels(Protocol):
    """``classes``: the label set; pictures -> [n, classes] probabilities that sum to one."""

    fingerprint: str
    classes: tuple[str, ...]

    def predict(self, pictures: Sequence[PixelArray]) -> Float32Array: ...


@dataclass(frozen=True, slots=True)
class LabelPair:
    """Two classifiers of one label set."""

    image: ImageLabels
    text: TextLabels


@dataclass(frozen=True, slots=True)
class ClassSpace:
    """``prior``: [labels] mean over the archive's reports; ``trained_on``: study UIDs of either classifier."""

    text: TextLabels
    prior: Float32Array
    trained_on: frozenset[str]

    def scores(self, images: Sequence[Float32Array | None], texts: Sequence[str], studies: Sequence[str]) -> Floats:
        """[n] as :func:`agreement`; ``images``: square roots of probabilities; NaN where it cannot know."""
        out = np.full(len(texts), np.nan)
        asked = [i for i, root in enumerate(images) if root is not None and studies[i] not in self.trained_on]
        if asked:
            roots = np.stack([root for i in asked if (root := images[i]) is not None])
            out[asked] = agreement(roots**2, self.text.predict([texts[i] for i in asked]), self.prior)
        return out


def agreement(of_image: Float32Array, of_text: Float32Array, prior: Float32Array) -> Floats:
    """[n]: natural log of how much more often than by chance the two name one class: 0 says nothing.

    ``of_image``, ``of_text``: [n, labels] probabilities, row by row of one case; ``prior``: [labels] of the archive's texts.
    """
    together = (of_image.astype(np.float64) * of_text).sum(1)
    chance = (np.maximum(prior, 1e-3) * of_text).sum(1)
    return np.asarray(np.log(np.maximum(together, 1e-4) / np.maximum(chance, 1e-4)))


def found_classifiers(archive: Archive) -> LabelPair | None:
    """The last trained classifiers of images and of texts that share their label set, one label each; ``None`` where the
    archive has no such two. One that cannot be read is none."""
    from caseindex.encoders.classifier import ImageClassifier, TextClassifier, load_classifier

    images: list[ImageClassifier] = []
    texts: list[TextClassifier] = []
    folders = [folder for folder in archive.models_dir.glob("*/") if (folder / "config.json").is_file()]
    for folder in sorted(folders, key=lambda one: (one / "config.json").stat().st_mtime, reverse=True):
        if b'"classifier"' not in (folder / "config.json").read_bytes():
            continue
        try:
            one = load_classifier(archive.models_dir, folder.name)
        except CaseindexError:
            continue
        if one.many:
            continue
        if isinstance(one, ImageClassifier):
            images.append(one)
        else:
            texts.append(one)
    pairs = [LabelPair(image, text) for image in images for text in texts if image.classes == text.classes]
    return pairs[0] if pairs else None


def learned_by(archive: Archive, pair: LabelPair) -> frozenset[str]:
    """Study UIDs of what either was trained on: their runs wrote down images and reports."""
    uids = trained_on(archive, pair.image.fingerprint) | trained_on(archive, pair.text.fingerprint)
    with archive.store.read() as reader:
        records = [record for uid in uids for record in (reader.image(uid), reader.report(uid)) if record is not None]
    return uids | frozenset(record.study_uid for record in records)


def complete_classes(archive: Archive, pair: LabelPair) -> None:
    """Asks the image classifier about the archive's reported images that it has not been asked about, and keeps what it
    says."""
    from caseindex.index.embed import decoded, missing

    wanted = missing(archive.store, pair.image.fingerprint, ItemKind.IMAGE, all_slices=False).uids
    stream = decoded(archive, wanted, lambda pixels: pixels, 0, {})  # type: ignore[arg-type, return-value]
    while group := list(itertools.islice(stream, _BATCH)):
        roots = as_roots(pair.image.predict([pixels for _, pixels in group]))  # type: ignore[misc]
        archive.store.put_embeddings(pair.image.fingerprint, ItemKind.IMAGE, [uid for uid, _ in group], roots)


def as_roots(probabilities: Float32Array) -> Float32Array:
    """[n, labels] -> the same as unit vectors."""
    roots = np.sqrt(np.maximum(probabilities, 0))
    return np.asarray(roots / np.maximum(np.linalg.norm(roots, axis=1, keepdims=True), 1e-12), np.float32)
