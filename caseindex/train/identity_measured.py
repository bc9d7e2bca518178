"""A trained identity model beside the untrained default: on unseen patients of its archive, and on other archives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from caseindex.encoders import catalogue
from caseindex.encoders.head_in_parts import HeadInParts
from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.encoders.whitening import Whitening
from caseindex.evaluation.cohort import with_cohort
from caseindex.evaluation.identity_set import DEFAULT_EXCLUSIONS, IdentitySet
from caseindex.index.archive import Archive
from caseindex.index.identity_model import fitted_to
from caseindex.records import Float32Array, Int64Array, ItemKind
from caseindex.train.identity_comparison import Comparison, compared
from caseindex.train.identity_core import Trained
from caseindex.train.identity_data import read_records
from caseindex.train.identity_task import IdentityImages
from caseindex.train.progress import OnProgress
from caseindex.train.untrained import trainable


def untrained(archive: Archive, name: str, device: str) -> TorchImageEncoder:
    """The network of the catalogue or of a file; where models/ holds what was fitted to this archive under a name of the
    catalogue, not that. Raises :class:`~caseindex.errors.TrainingError`."""
    inside = archive.models_dir / "none" if name in catalogue.NAMED else archive.models_dir
    return trainable(inside, name, device)[1]


def stored_set(
    archive: Archive, images: IdentityImages, uids: Sequence[str], fingerprint: str
) -> tuple[IdentitySet, Int64Array] | None:
    """(the images that have an embedding of the model with this fingerprint, their rows in ``images``, ascending); ``uids``:
    of all rows. ``None`` where none has."""
    rows, vectors = [], []
    with archive.store.read() as reader:
        for row, uid in enumerate(uids):
            found = reader.embedding(fingerprint, ItemKind.IMAGE, uid)
            if found is not None:
                rows.append(row)
                vectors.append(found)
    if not rows:
        return None
    chosen = np.array(rows, np.int64)
    return images.as_set(np.stack(vectors), chosen), chosen


def compared_here(
    archive: Archive, images: IdentityImages, test: Int64Array, uids: list[str], one: str, two: str
) -> Comparison | None:
    """Of the models with the fingerprints ``one`` and ``two``, on the rows ``test`` as `match` would count them: against
    the strangers of the whole archive. ``None`` where nothing is embedded."""
    found = [stored_set(archive, images, uids, fingerprint) for fingerprint in (one, two)]
    if found[0] is None or found[1] is None:
        return None
    rows = np.intersect1d(np.intersect1d(found[0][1], found[1][1]), test)
    sets = [
        with_cohort(data, DEFAULT_EXCLUSIONS, filed=False).subset(np.searchsorted(known, rows))
        for data, known in (found[0], found[1])
    ]
    return compared("unseen patients of this archive", *sets) if len(rows) else None


def compared_elsewhere(
    other: Archive,
    encoder: TorchImageEncoder,
    trained: Trained,
    device: str,
    progress: OnProgress,
) -> Comparison | None:
    """Both models fitted to the other archive without labels, as `match` and `audit` would there."""
    records = read_records(other, ())
    where = f"archive {other.path.name}"
    settings = trained.settings
    plain = untrained(other, "grid", device)
    count = len(records.images)

    def advance(n: int, total: int) -> None:
        progress(where, n, total)

    one = fitted_to(
        other,
        encoder,
        within=trained.within,
        align=settings.align,
        mask_text=settings.mask_text,
        sample=count,
        on_progress=advance,
    )
    vectors = one.vectors
    if settings.head == "learned":
        vectors = _learned(other, encoder, one.uids, trained.head)
    two = fitted_to(other, plain, sample=count, on_progress=advance)
    common = [uid for uid in one.uids if uid in set(two.uids)]
    rows = records.rows_of(common)
    order = [records.images[row].image_uid for row in rows.tolist()]

    def as_set(uids: tuple[str, ...], values: Float32Array) -> IdentitySet:
        place = {uid: number for number, uid in enumerate(uids)}
        data = IdentitySet(
            values[[place[uid] for uid in order]],
            records.persons[rows],
            records.kinds[rows],
            records.studies[rows],
            records.copies[rows],
        )
        return with_cohort(data, DEFAULT_EXCLUSIONS, filed=False)

    return compared(where, as_set(one.uids, vectors), as_set(two.uids, two.vectors))


def _learned(
    other: Archive, encoder: TorchImageEncoder, uids: tuple[str, ...], head: Whitening | HeadInParts
) -> Float32Array:
    from caseindex.index.embed import decoded

    parts = [encoder.encode(pixels[None]) for _, pixels in decoded(other, list(uids), encoder.preprocess, 0, {})]
    return head(np.concatenate(parts))
