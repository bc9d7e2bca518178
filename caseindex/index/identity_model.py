"""The encoder of identity, fitted to the archive that it answers for, without labels.

Untrained (`grid`): a 7 x 7 grid of two middle layers. Its pictures are registered to the archive's mean picture, and the
directions in which views of one picture differ are normalised away (:mod:`caseindex.encoders.within_class`). A model
that `train identity` made elsewhere is fitted to this archive in the same way before it is used here: scanners and
crops differ from house to house, and what was learned of persons is kept.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from caseindex.encoders import calibration, catalogue, checkpoint
from caseindex.encoders.alignment import Alignment, fit_alignment, registration, small
from caseindex.encoders.head_in_parts import HeadInParts, fit_in_parts
from caseindex.encoders.model import HEAD, TRUNK, Model, load_model, model_folder
from caseindex.encoders.nuisance import Nuisance
from caseindex.encoders.preprocessing import Preprocessing
from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.encoders.whitening import Whitening
from caseindex.errors import ModelError, TrainingError
from caseindex.index.archive import Archive
from caseindex.index.comparable import kind_of
from caseindex.index.embed import OnProgress, decoded
from caseindex.records import Float32Array, ItemKind, PixelArray

NAME: Final = "grid"
FITTED: Final = "-fitted"  # after the name of a model that was trained elsewhere
WITHIN: Final = "identity.within"  # tensor: how images of one person differed where it was trained
SAMPLE: Final = 4000  # images whose embeddings give mean and variance
VIEWED: Final = 1200  # of them, how many are seen in other views too
VIEWS: Final = 16  # of each: the directions to ignore are up to 1024, and views of few pictures show few of them
ALIGNED: Final = 400  # pictures that the mean is taken of
DIM: Final = 512
_ALIKE: Final = 0.5  # share of the radiographs that must resemble their mean, or none is registered
_BATCH: Final = 32

Encode = Callable[[Float32Array], Float32Array]


@dataclass(frozen=True, slots=True)
class Fitted:
    """What fitting gave. ``vectors``: [n, DIM], embeddings of ``uids``, which need no second pass."""

    preprocessing: Preprocessing
    head: Whitening | HeadInParts
    uids: tuple[str, ...]
    vectors: Float32Array


def identity_model(
    archive: Archive,
    name: str | None = None,
    *,
    sample: int = SAMPLE,
    dim: int = DIM,
    on_progress: OnProgress | None = None,
) -> Model:
    """The model ``name`` (default: `[models] identity`), ready for this archive: the untrained default, or one trained
    elsewhere, is fitted at its first use and saved to ``models/``; any other image encoder is taken as it is.

    ``sample``: on how many images at most, evenly spread over the archive. Raises
    :class:`~caseindex.errors.TrainingError` with fewer than two readable images,
    :class:`~caseindex.errors.ModelError` for a model without an image encoder.
    """
    chosen = name or archive.settings.models.identity
    inside = archive.models_dir
    if chosen == NAME:
        if (inside / NAME / checkpoint.CONFIG).is_file():
            return load_model(inside, NAME)
        base = load_model(inside, NAME).image
        if not isinstance(base, TorchImageEncoder):
            raise TrainingError(NAME, "the catalogue's grid has no image encoder", "Install caseindex again")
        trunk = catalogue.trunk(NAME)
        fitted = fitted_to(archive, base, sample=sample, dim=dim, on_progress=on_progress)
        return _saved(archive, NAME, base, fitted, trunk.build().state_dict(), None, "untrained")
    model = load_model(inside, chosen)
    if model.image is None:
        raise ModelError(chosen, "this model has no image encoder", "Name another one with --model")
    made_for = (model.config.get("identity") or {}).get("archive")
    if made_for is None or made_for == archive.identifier:
        return model
    here = f"{chosen.rstrip('/').rpartition('/')[2]}{FITTED}"
    if (inside / here / checkpoint.CONFIG).is_file():
        ready = load_model(inside, here)
        if ready.config["identity"].get("of") == model.fingerprint:
            return ready
    return _refitted(archive, model, chosen, here, sample, dim, on_progress)


def _refitted(
    archive: Archive, model: Model, chosen: str, here: str, sample: int, dim: int, on_progress: OnProgress | None
) -> Model:
    from caseindex.encoders.headed_image import HeadedImageEncoder

    folder = model_folder(archive.models_dir, chosen)
    if folder is None or not isinstance(model.image, HeadedImageEncoder):
        raise ModelError(chosen, "not a model that `train identity` made", "Name another one with --model")
    base = model.image.base
    within = checkpoint.read_tensors(folder, WITHIN).get("")
    how = model.config["identity"]
    if how.get("head") == "learned":  # a published recipe, which is used as it was trained
        return model
    fitted = fitted_to(
        archive,
        base,
        within=within,
        align=bool(how.get("align", True)),
        mask_text=base.preprocessing.mask_text,
        sample=sample,
        dim=dim,
        on_progress=on_progress,
    )
    ready = _saved(archive, here, base, fitted, base.network.state_dict(), within, model.fingerprint)
    for name in calibration.FILES:  # taken where this archive is too small for its own
        if (folder / name).is_file():
            shutil.copyfile(folder / name, archive.models_dir / here / name)
    return ready


def fitted_to(
    archive: Archive,
    base: TorchImageEncoder,
    *,
    within: Float32Array | None = None,
    align: bool = True,
    mask_text: bool = True,
    sample: int = SAMPLE,
    dim: int = DIM,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Fitted:
    """Alignment, mean and normalisation for ``base``'s embeddings of this archive. ``within``: [m, base dim],
    deviations of images from their person's mean, from where the model was trained. ``align``, ``mask_text``: whether
    pictures are registered, and burned-in text blanked (a name must not make two images one person's)."""
    with archive.store.read() as reader:
        found = [(uid, image) for _, uid in reader.items(ItemKind.IMAGE) if (image := reader.image(uid)) is not None]
    usable = [(uid, image) for uid, image in found if image.represents_series]
    chosen = [usable[i] for i in np.linspace(0, len(usable) - 1, min(sample, len(usable))).round().astype(int)]
    radiographs = [uid for uid, image in chosen if kind_of(image).modality in ("radiograph", None)]
    total = len(chosen) + VIEWS * min(VIEWED, len(chosen))
    report = (lambda n: on_progress(n, total)) if on_progress else (lambda n: None)
    preprocessing = replace(base.preprocessing, alignment=None, mask_text=mask_text)
    if align:
        preprocessing = replace(preprocessing, alignment=archive_alignment(archive, radiographs, preprocessing))
    uids, pictures, vectors = _encoded(archive, [uid for uid, _ in chosen], preprocessing, base.encode, report)
    if len(uids) < 2:
        raise TrainingError(
            base.name, f"{len(uids)} readable images, at least 2 are needed to estimate the whitening", "Ingest images"
        )
    viewed = np.linspace(0, len(uids) - 1, min(VIEWED, len(uids))).round().astype(int)
    deviations = view_deviations(
        [pictures[i] for i in viewed], vectors[viewed], preprocessing, base.encode, seed=seed, report=report
    )
    head = fit_in_parts(vectors, deviations, within, base.spec.get("widths", [vectors.shape[1]]), dim=dim)
    return Fitted(preprocessing, head, tuple(uids), head(vectors))


def view_deviations(
    pictures: Sequence[PixelArray],
    vectors: Float32Array,
    preprocessing: Preprocessing,
    encode: Encode,
    *,
    views: int = VIEWS,
    seed: int = 0,
    report: Callable[[int], None] = lambda n: None,
) -> Float32Array:
    """[views * n, dim]: embeddings of random views of ``pictures`` (framed, [side, side] uint8) minus ``vectors``,
    those of the pictures themselves. A view is registered like any other picture: what registration puts right need not
    be ignored."""
    generator, nuisance = np.random.default_rng(seed), Nuisance()
    deviations = np.empty((views, *vectors.shape), np.float32)

    def seen(view: PixelArray) -> Float32Array:
        return preprocessing.scaled(preprocessing.registered(view))

    with ThreadPoolExecutor() as pool:  # registration takes a fourth of the network's time, outside the interpreter
        for deviation in deviations:
            for start in range(0, len(pictures), _BATCH):
                shown = [nuisance(one, generator) for one in pictures[start : start + _BATCH]]
                rows = slice(start, start + len(shown))
                deviation[rows] = encode(np.stack(list(pool.map(seen, shown)))) - vectors[rows]
                report(len(shown))
    return deviations.reshape(-1, vectors.shape[1])


def archive_alignment(archive: Archive, uids: list[str], preprocessing: Preprocessing) -> Alignment | None:
    """To the mean radiograph, where most radiographs resemble it."""
    if preprocessing.height != preprocessing.width or len(uids) < 2:
        return None
    chosen = [uids[i] for i in np.linspace(0, len(uids) - 1, min(ALIGNED, len(uids))).round().astype(int)]
    stream = decoded(archive, chosen, lambda pixels: _grey(preprocessing.resized(pixels)).astype(np.float32), 0, {})
    pictures = [picture.astype(np.uint8) for _, picture in stream]
    if len(pictures) < 2 or np.ptp(np.mean(pictures, axis=0)) < 1:
        return None
    alignment = fit_alignment(pictures)
    alike = [registration(alignment.mean, small(picture)) is not None for picture in pictures]
    return alignment if np.mean(alike) >= _ALIKE else None


def _encoded(
    archive: Archive, uids: list[str], preprocessing: Preprocessing, encode: Encode, report: Callable[[int], None]
) -> tuple[list[str], list[PixelArray], Float32Array]:
    """(uids that could be read, their framed pictures [side, side], not registered; embeddings of the registered)."""
    unregistered = replace(preprocessing, alignment=None)

    def framed(pixels: PixelArray) -> Float32Array:
        return _grey(unregistered.resized(pixels)).astype(np.float32)

    stream: Iterator[tuple[str, Float32Array]] = decoded(archive, uids, framed, 0, {})
    names: list[str] = []
    pictures: list[PixelArray] = []
    parts: list[Float32Array] = []
    while group := list(itertools.islice(stream, _BATCH)):
        shown = [picture.astype(np.uint8) for _, picture in group]
        names += [uid for uid, _ in group]
        pictures += shown
        parts.append(encode(np.stack([preprocessing.scaled(preprocessing.registered(one)) for one in shown])))
        report(len(group))
    return names, pictures, np.concatenate(parts) if parts else np.empty((0, 0), np.float32)


def _grey(picture: PixelArray) -> PixelArray:
    import cv2

    return picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def _saved(
    archive: Archive,
    name: str,
    base: TorchImageEncoder,
    fitted: Fitted,
    state: dict[str, Any],
    within: Float32Array | None,
    of: str,
) -> Model:
    save_identity_model(
        archive,
        name,
        base,
        fitted.preprocessing,
        fitted.head,
        state,
        within=within,
        of=of,
        card=_card(name, len(fitted.uids), fitted.preprocessing.alignment is not None, of),
    )
    model = load_model(archive.models_dir, name)
    archive.store.put_embeddings(model.fingerprint, ItemKind.IMAGE, list(fitted.uids), fitted.vectors)
    return model


def save_identity_model(
    archive: Archive,
    name: str,
    base: TorchImageEncoder,
    preprocessing: Preprocessing,
    head: Whitening | HeadInParts,
    state: dict[str, Any],
    *,
    within: Float32Array | None,
    of: str,
    card: str,
    how: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
) -> str:
    """Writes ``models/NAME``; returns the fingerprint. ``state``: the trunk's tensors; ``of``: the fingerprint of the
    model that was fitted, or how it came about."""
    tensors = {f"{TRUNK}{key}": value.detach().cpu().numpy() for key, value in state.items()}
    tensors |= {f"{HEAD}{key}": value for key, value in head.tensors().items()}
    if within is not None and len(within):
        tensors[WITHIN] = within
    config: dict[str, Any] = {
        "name": name,
        "dim": head.dim,
        "image": {
            "trunk": base.spec,
            "trunk_dim": base.dim,
            "preprocessing": preprocessing.config(),
            "base_fingerprint": None,
        },
        "identity": {"archive": archive.identifier, "of": of, **(how or {})},
    }
    if training:
        config["training"] = training
    return checkpoint.save(archive.models_dir / name, config, tensors, card=card)


def _card(name: str, count: int, aligned: bool, of: str) -> str:
    origin = (
        "7 x 7 average grids of the two stride-16 stages of EfficientNet-Lite0 (ImageNet weights), not trained"
        if of == "untrained"
        else f"the trained identity model with fingerprint {of}, fitted to this archive without labels"
    )
    registered = "Pictures are registered to the archive's mean picture first. " if aligned else ""
    return (
        f"# {name}\n\nFor finding images of the same person: {origin}. {registered}Directions in which views of one "
        f"picture differ are normalised, estimated on {count} images of this archive (within-class covariance "
        "normalisation). Delete this folder after the archive has grown much: the next identity command fits it "
        "again.\n\nNot a medical device.\n"
    )
