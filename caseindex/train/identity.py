"""`train identity`: an encoder that finds the images of one person. The recipe, from top to bottom."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from caseindex.encoders import catalogue
from caseindex.encoders.model import load_model
from caseindex.encoders.preprocessing import Preprocessing
from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.errors import TrainingError
from caseindex.index.archive import Archive
from caseindex.index.decisions import lessons
from caseindex.index.embed import EmbedSummary, embed
from caseindex.index.identity_model import archive_alignment, identity_model, save_identity_model
from caseindex.records import Int64Array, ItemKind
from caseindex.train import distributed
from caseindex.train.adopt import adopt_if_better
from caseindex.train.identity_calibration import save_calibrations
from caseindex.train.identity_card import identity_card
from caseindex.train.identity_comparison import Comparison, verdict
from caseindex.train.identity_core import Material, Trained, train_on
from caseindex.train.identity_data import IdentityRecords, read_records, split_records
from caseindex.train.identity_measured import compared_elsewhere, compared_here, untrained
from caseindex.train.identity_settings import IdentitySettings
from caseindex.train.identity_task import IdentityImages
from caseindex.train.loop import LoopResult
from caseindex.train.pixel_cache import PixelCache
from caseindex.train.progress import OnProgress, silent
from caseindex.train.run_folder import close_run, digest, open_run


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityResult:
    """``images``: by side of the split; ``here``: on patients of the test side; ``others``: on other archives.
    ``in_use``: whether archive.toml names it for identity now; ``why`` in words."""

    name: str
    fingerprint: str
    run: Path
    resumed: bool
    images: dict[str, int]
    margin: float
    loop: LoopResult
    here: Comparison | None
    others: tuple[Comparison, ...]
    embedded: EmbedSummary
    in_use: bool
    why: str


def train_identity(
    archive: Archive,
    settings: IdentitySettings,
    *,
    possibly_same: Sequence[tuple[str, str]] = (),
    others: Sequence[Archive] = (),
    resume: bool = True,
    tensorboard: bool = True,
    use: bool = True,
    device: str | None = None,
    on_progress: OnProgress | None = None,
) -> IdentityResult | None:
    """Trains on the archive's patients with several images, saves ``models/NAME``, embeds with it, and puts it to use
    where it beats the untrained default on patients that it has not seen.

    ``possibly_same``: patient ids that may be one person, never strangers to each other. What was decided on the audit's
    list is taken for true. ``others``: archives that it was not trained on, to say how it does there; nothing is written to them. Under
    `torchrun` the first process does what is not training and gives the result, the others ``None``. Raises
    :class:`~caseindex.errors.TrainingError`.
    """
    progress = on_progress or silent
    first = distributed.start()[0] == 0
    device = device or distributed.device()

    # Who is who, and on which side.
    base = untrained(archive, settings.image_encoder, device)
    known = lessons(archive)
    records = read_records(archive, possibly_same, known.same, known.reassigned)
    split = split_records(
        records,
        [*possibly_same, *known.same],
        known.reassigned,
        validation=settings.validation,
        test=settings.test,
        seed=settings.seed,
    )
    sides = {name: records.rows_of(getattr(split, name)) for name in ("train", "validation", "test")}

    # The run: a folder of its own, or the unfinished one of the same settings and data.
    data = digest(
        [[image.image_uid, image.patient_id, image.pixel_sha256] for image in records.images],
        records.persons.tolist(),
        records.families.tolist(),
    )
    opened = None
    if first:
        opened = open_run(archive.runs_dir, settings, split, resume=resume, base=base.fingerprint, data=data)
    folder, resumed = distributed.same(opened)

    # The pictures, framed, registered and masked once.
    preprocessing = _preprocessing(archive, base.preprocessing, records, sides["train"], settings, folder, first)
    uids = [image.image_uid for image in records.images]
    if first:
        PixelCache(archive, uids, preprocessing, folder, partial(progress, "pictures"))
    distributed.wait()
    cache = PixelCache(archive, uids, preprocessing, folder)
    images = IdentityImages(
        cache.pixels, records.persons, records.families, records.kinds, records.studies, records.copies
    )
    train, validation, test = (rows[cache.readable[rows]] for rows in sides.values())
    if len(train) < 4:
        raise TrainingError("train identity", f"{len(train)} readable images to train on", "Ingest more images")

    material = Material(
        images=images,
        trunk=partial(copy.deepcopy, base.network),
        preprocessing=preprocessing,
        folder=folder,
        train=train,
        validation=validation,
        device=device,
    )
    trained = train_on(material, settings, tensorboard=tensorboard, on_progress=progress)
    if not first:
        distributed.wait()
        return None

    # The model, and how good it is on patients that it has not seen, beside the untrained default.
    encoder = _encoder(base, preprocessing, trained, device)
    fingerprint = _save(archive, settings, encoder, trained, "", {})
    model = load_model(archive.models_dir, settings.name, device=device)
    summary = embed(archive, model, kinds=(ItemKind.IMAGE,), on_progress=partial(progress, "embedding"))
    plain = identity_model(archive, "grid", on_progress=partial(progress, "untrained default"))
    embed(archive, plain, kinds=(ItemKind.IMAGE,), on_progress=partial(progress, "untrained default"))
    here = compared_here(archive, images, test, uids, fingerprint, plain.fingerprint)
    elsewhere = [
        found
        for other in others
        if (found := compared_elsewhere(other, encoder, trained, device, progress)) is not None
    ]
    judged = verdict(here, elsewhere)
    counts = {"train": len(train), "validation": len(validation), "test": len(test)}
    card = identity_card(trained.settings, counts, records, trained.outcome, here, elsewhere, judged[1])
    training = {"recipe": f"identity/{settings.recipe}", "images": counts, "seed": settings.seed}
    _save(archive, settings, encoder, trained, card, training)
    unseen = np.concatenate([validation, test])
    save_calibrations(archive, archive.models_dir / settings.name, fingerprint, images, uids, unseen)
    in_use, why = adopt_if_better(archive, "identity", settings.name, judged, wanted=use)
    result = IdentityResult(
        name=settings.name,
        fingerprint=fingerprint,
        run=folder,
        resumed=resumed,
        images=counts,
        margin=trained.settings.margin,
        loop=trained.outcome,
        here=here,
        others=tuple(elsewhere),
        embedded=summary,
        in_use=in_use,
        why=why,
    )
    close_run(folder, result, card)
    distributed.wait()
    return result


def _encoder(base: TorchImageEncoder, preprocessing: Preprocessing, trained: Trained, device: str) -> TorchImageEncoder:
    """The networks of ``trained``, one or two beside each other, without the head."""
    network, count = trained.module.trunk.eval(), len(trained.widths)
    return TorchImageEncoder(
        name=trained.settings.name,
        fingerprint="",
        dim=sum(trained.widths),
        preprocessing=preprocessing,
        build=lambda: network,
        spec=base.spec if count == 1 else catalogue.side_by_side(base.spec, base.dim, count),
        device=device,
    )


def _preprocessing(
    archive: Archive,
    base: Preprocessing,
    records: IdentityRecords,
    train: Int64Array,
    settings: IdentitySettings,
    folder: Path,
    first: bool,
) -> Preprocessing:
    """At the last size; registered to the mean of training pictures where most are radiographs of one kind."""
    side = settings.sizes[-1]
    plain = replace(base, height=side, width=side, alignment=None, mask_text=settings.mask_text)
    if not settings.align:
        return plain
    alignment = None
    if first:
        uids = [
            records.images[row].image_uid
            for row in train.tolist()
            if records.kind_names[int(records.kinds[row])].modality in ("radiograph", None)
        ]
        alignment = archive_alignment(archive, uids, plain)
    return replace(plain, alignment=distributed.same(alignment))


def _save(
    archive: Archive,
    settings: IdentitySettings,
    encoder: TorchImageEncoder,
    trained: Trained,
    card: str,
    training: dict[str, Any],
) -> str:
    return save_identity_model(
        archive,
        settings.name,
        encoder,
        encoder.preprocessing,
        trained.head,
        trained.module.trunk.state_dict(),
        within=trained.within,
        of=f"trained by recipe {settings.recipe}",
        card=card,
        how={"head": settings.head, "align": settings.align},
        training=training,
    )
