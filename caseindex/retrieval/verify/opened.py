"""The verifier of an archive, ready to be asked: its models loaded, missing embeddings computed, fitted or read back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from caseindex.encoders.model import Model, load_model, load_text_encoder
from caseindex.index.archive import Archive
from caseindex.index.trained_on import trained_on
from caseindex.protocols import RecordReader
from caseindex.records import Float32Array, ItemKind
from caseindex.retrieval.encoding import complete_embeddings, load_image_model
from caseindex.retrieval.verify.filed import mean_vector
from caseindex.retrieval.verify.halves import has_halves
from caseindex.retrieval.verify.pair_space import PairSpace
from caseindex.retrieval.verify.panel import OnProgress, Panel
from caseindex.retrieval.verify.stored import discard_verifiers, load_verifier, save_verifier
from caseindex.retrieval.verify.verifier import Verifier, fit_verifier
from caseindex.retrieval.word_index import analyser_fingerprint

_GROWN = 0.1  # share of new or lost reports from which it is fitted again
_CROWD = 400


@dataclass(frozen=True)
class Opened:
    """``model`` embeds the images; ``pair`` has both sides, where the archive uses such a model."""

    archive: Archive
    verifier: Verifier
    fingerprint: str
    model: Model
    pair: Model | None

    def vectors(self, reader: RecordReader, filed: Any) -> tuple[Float32Array | None, Float32Array | None]:
        """(the images' mean embedding, the same of the pair model) of an archived case."""
        own = mean_vector(reader, self.model.fingerprint, filed.images)
        return own, mean_vector(reader, self.pair.fingerprint, filed.images) if self.pair is not None else None


def open_verifier(
    archive: Archive,
    name: str | None = None,
    *,
    left_out: Collection[str] = frozenset(),
    refit: bool = False,
    on_progress: OnProgress | None = None,
    notes: list[str] | None = None,
) -> Opened:
    """Reads the fitted verifier back, or fits it: at the first question, after the archive has grown, or for ``refit``.

    ``name``: the model whose embeddings show the images; default: ``[models] verify``. A model that ``[models] search``
    names and that compares words with images is the witness of similarity. ``left_out``: patients that nothing is
    learned from; what is fitted without them is not kept. Raises :class:`~caseindex.errors.TrainingError` for too small
    an archive.
    """
    told = notes if notes is not None else []
    model = load_image_model(archive, name or archive.settings.models.verify)
    complete_embeddings(archive, model, on_progress, told)
    pair = _pair_model(archive, model)
    if pair is not None:
        complete_embeddings(archive, pair, on_progress, told)
    with archive.store.read() as reader:
        reports = reader.counts().reports
    parts = [model.fingerprint, pair.fingerprint if pair else "", analyser_fingerprint()]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    text = pair.text if pair is not None else None
    stored = None if refit or left_out else load_verifier(archive, key, text)
    if stored is not None and abs(stored[1].get("reports", 0) - reports) <= _GROWN * reports:
        return Opened(archive, stored[0], stored[2], model, pair)
    verifier = fit_verifier(
        archive,
        model.fingerprint,
        halves=has_halves(dict(model.config), model.dim),
        pair=None if pair is None else _pair_maker(archive, pair),
        left_out=left_out,
        on_progress=on_progress,
    )
    if left_out:
        return Opened(archive, verifier, "", model, pair)
    discard_verifiers(archive)
    made_of = {"model": model.fingerprint, "pair": pair.fingerprint if pair else None, "reports": reports}
    return Opened(archive, verifier, save_verifier(archive, key, verifier, made_of), model, pair)


def chosen_pair(archive: Archive, name: str | None = None) -> str | None:
    """The fingerprint of the model that would be the witness of similarity; ``None`` where there is none."""
    found = _pair_model(archive, load_image_model(archive, name or archive.settings.models.verify))
    return found.fingerprint if found is not None else None


def _pair_model(archive: Archive, model: Model) -> Model | None:
    if model.text is not None:
        return model
    chosen = archive.settings.models.search
    if load_text_encoder(archive.models_dir, chosen) is None:
        return None
    found = load_model(archive.models_dir, chosen)
    return found if found.image is not None and found.text is not None else None


def _pair_maker(archive: Archive, pair: Model) -> Callable[[Panel], tuple[PairSpace, list[Float32Array | None]]]:
    def made(panel: Panel) -> tuple[PairSpace, list[Float32Array | None]]:
        with archive.store.read() as reader:
            vectors = [mean_vector(reader, pair.fingerprint, one.images) for one in panel.filed]
            chosen = np.sort(np.random.default_rng(0).permutation(len(panel))[:_CROWD])
            uids = [panel.filed[i].report.report_uid for i in chosen]
            stored = [reader.embedding(pair.fingerprint, ItemKind.REPORT, uid) for uid in uids]
        if pair.text is None:
            raise RuntimeError("a pair model without a text encoder")
        lacking = [place for place, vector in enumerate(stored) if vector is None]
        if lacking:
            encoded = pair.text.encode([panel.filed[chosen[place]].report.text for place in lacking])
            for place, vector in zip(lacking, encoded, strict=True):
                stored[place] = vector
        crowd = np.stack([vector for vector in stored if vector is not None])
        return (
            PairSpace(
                pair.text,
                crowd,
                tuple(panel.patients[i] for i in chosen),
                tuple(panel.kinds[i] for i in chosen),
                trained_on(archive, pair.fingerprint),
            ),
            vectors,
        )

    return made
