"""The head of an identity encoder: from what its training images show of how pictures of one person differ."""

from __future__ import annotations

import numpy as np

from caseindex.encoders.head_in_parts import HeadInParts, fit_in_parts
from caseindex.encoders.nuisance import Nuisance
from caseindex.encoders.whitening import Whitening
from caseindex.encoders.within_class import deviations_of_persons, fit_within_class
from caseindex.records import Float32Array, Int64Array
from caseindex.train.identity_settings import IdentitySettings
from caseindex.train.identity_task import IdentityImages, IdentityTask
from caseindex.train.progress import OnProgress, silent

SAMPLE = 4000  # images that give mean and variance
WITHIN_ROWS = 256  # directions of the persons' variation that are kept with the model
_OF_PERSONS = 8000  # images that give it: of a million, all would not fit in memory
FIRST = (2, 800)  # views of each, and images that are seen in them, for the map that training begins with
LAST = (8, 1200)  # for the one that stays


def starting_head(
    task: IdentityTask, images: IdentityImages, train: Int64Array, settings: IdentitySettings
) -> Whitening:
    """From views alone; embeddings have unit length on average, so that the loss starts at its own scale. Where the images
    are fewer than ``settings.dim``, further columns are 0."""
    sample = _spread(train, SAMPLE)
    features = task.embedded(sample, features=True)
    head = fit_within_class(
        features, _deviations(task, images, sample, features, settings.seed, *FIRST), dim=settings.dim
    )
    projection = head.projection / np.linalg.norm((features - head.mean) @ head.projection, axis=1).mean()
    missing = settings.dim - projection.shape[1]
    return Whitening(head.mean, np.asarray(np.pad(projection, ((0, 0), (0, missing))), np.float32))


def fitted_head(
    task: IdentityTask,
    images: IdentityImages,
    train: Int64Array,
    settings: IdentitySettings,
    within: Float32Array,
    widths: tuple[int, ...],
    on_progress: OnProgress,
) -> Whitening | HeadInParts:
    """From views and from persons. ``widths``: columns of the networks side by side; ``within``: of :func:`variation`.
    Nine thousand views take as long as several epochs: ``on_progress`` hears of each round of them."""
    sample = _spread(train, SAMPLE)
    features = task.embedded(sample, features=True)
    deviations = _deviations(task, images, sample, features, settings.seed, *LAST, on_progress)
    return fit_in_parts(features, deviations, within, widths, dim=settings.dim)


def variation(task: IdentityTask, images: IdentityImages, train: Int64Array) -> Float32Array:
    """[at most WITHIN_ROWS, trunk dim]: how the images of one training person differ, by their largest directions."""
    persons = images.persons[train]
    counts = np.bincount(persons[persons >= 0], minlength=1)
    several = np.flatnonzero((persons >= 0) & (counts[persons.clip(0)] > 1))
    chosen = several[np.argsort(persons[several], kind="stable")][:_OF_PERSONS]  # whole persons, but for the last
    return compressed(deviations_of_persons(task.embedded(train[chosen], features=True), persons[chosen]))


def compressed(deviations: Float32Array, rows: int = WITHIN_ROWS) -> Float32Array:
    """[at most ``rows``, dim] with nearly the same scatter: its largest principal directions, scaled."""
    if len(deviations) <= rows:
        return deviations
    _, left = np.linalg.eigh((deviations @ deviations.T).astype(np.float64))
    return np.asarray(left[:, ::-1][:, :rows].T @ deviations, np.float32)


def _spread(rows: Int64Array, most: int) -> Int64Array:
    """At most so many of ``rows``, evenly."""
    return rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)]


def _deviations(
    task: IdentityTask,
    images: IdentityImages,
    rows: Int64Array,
    features: Float32Array,
    seed: int,
    views: int,
    viewed: int,
    on_progress: OnProgress = silent,
) -> Float32Array:
    """[views * at most ``viewed``, trunk dim]: random views of pictures minus the pictures."""
    places = _spread(np.arange(len(rows)), viewed)
    generator, nuisance = np.random.default_rng(seed), Nuisance()
    parts = []
    for _ in range(views):
        shown = [nuisance(np.asarray(images.pixels[rows[place]]), generator) for place in places]
        seen = np.stack([task.preprocessing.registered(one) for one in shown])  # as other pictures of the person are
        parts.append(task.embedded_pictures(seen) - features[places])
        on_progress("fitting the head", len(places), views * len(places))
    return np.concatenate(parts)
