"""The identity default, fitted to the archive: grid embeddings of its own images, whitened, saved as a model."""

from __future__ import annotations

import itertools

import numpy as np

from caseindex.encoders import catalogue, checkpoint
from caseindex.encoders.model import HEAD, TRUNK, Model, load_model
from caseindex.encoders.whitening import fit_whitening
from caseindex.errors import TrainingError
from caseindex.index.archive import Archive
from caseindex.index.embed import OnProgress, decoded, missing
from caseindex.records import ItemKind

NAME = "grid"
SAMPLE = 4000
DIM = 512


def fitted_grid(
    archive: Archive, *, sample: int = SAMPLE, dim: int = DIM, on_progress: OnProgress | None = None
) -> Model:
    """The archive's own `grid` model; estimated and saved to ``models/grid`` where it is not there yet.

    ``sample``: on how many images at most, evenly spread over the archive. Raises
    :class:`~caseindex.errors.TrainingError` with fewer than two readable images.
    """
    if (archive.models_dir / NAME / checkpoint.CONFIG).is_file():
        return load_model(archive.models_dir, NAME)
    raw = load_model(archive.models_dir, NAME)
    encoder = raw.image
    if encoder is None:
        raise TrainingError(NAME, "the catalogue's grid has no image encoder", "Install caseindex again")
    uids = missing(archive.store, raw.fingerprint, ItemKind.IMAGE, all_slices=False).uids
    chosen = [uids[place] for place in np.linspace(0, len(uids) - 1, min(sample, len(uids))).round().astype(int)]
    stream = decoded(archive, chosen, encoder.preprocess, 0, {})
    parts, names = [], []
    while group := list(itertools.islice(stream, 32)):
        names += [uid for uid, _ in group]
        parts.append(encoder.encode(np.stack([pixels for _, pixels in group])))
        if on_progress:
            on_progress(len(group), len(chosen))
    if len(names) < 2:
        raise TrainingError(
            NAME, f"{len(names)} readable images, at least 2 are needed to estimate the whitening", "Ingest images"
        )
    vectors = np.concatenate(parts)
    whitening = fit_whitening(vectors, dim)
    save_whitened(archive, raw, whitening.mean, whitening.projection, len(names))
    model = load_model(archive.models_dir, NAME)
    archive.store.put_embeddings(model.fingerprint, ItemKind.IMAGE, names, whitening(vectors))
    return model


def save_whitened(archive: Archive, raw: Model, mean: np.ndarray, projection: np.ndarray, count: int) -> None:
    trunk = catalogue.trunk(NAME)
    tensors = {f"{TRUNK}{key}": value.numpy() for key, value in trunk.build().state_dict().items()}
    tensors |= {f"{HEAD}mean": mean, f"{HEAD}projection": projection}
    config = {
        "name": NAME,
        "dim": int(projection.shape[1]),
        "image": {
            "trunk": trunk.spec,
            "trunk_dim": trunk.dim,
            "preprocessing": trunk.preprocessing.config(),
            "base_fingerprint": raw.fingerprint,
        },
    }
    card = (
        "# grid\n\n4 x 4 average grid of the stride-16 layer of EfficientNet-Lite0 (ImageNet weights), PCA-whitened to "
        f"{projection.shape[1]} dimensions on {count} images of this archive. For finding images of the same person; "
        "not trained. Delete this folder after the archive has grown much: `caseindex embed --model grid` fits it "
        "again.\n\nNot a medical device.\n"
    )
    checkpoint.save(archive.models_dir / NAME, config, tensors, card=card)
