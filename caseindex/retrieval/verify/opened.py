"""The verifier of an archive, ready to be asked: its models loaded, missing embeddings computed, fitted or read back."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from caseindex.encoders.model import Model, load_model, load_text_encoder
from caseindex.index.archive import Archive
from caseindex.index.trained_on import trained_on
from caseindex.protocols import RecordReader
from caseindex.records import Float32Array, ItemKind
from caseindex.retrieval.encoding import complete_embeddings, load_image_model
from caseindex.retrieval.verify.classifiers import (
    ClassSpace,
    LabelPair,
    complete_classes,
    found_classifiers,
    learned_by,
)
from caseindex.retrieval.verify.filed import Filed, mean_vector
from caseindex.retrieval.verify.halves import has_halves
from caseindex.retrieval.verify.pair_space import PairSpace
from caseindex.retrieval.verify.panel import OnProgress, Panel
from caseindex.retrieval.verify.stored import discard_verifiers, load_verifier, save_verifier
from caseindex.retrieval.verify.verifier import Extra, Verifier, fit_verifier
from caseindex.retrieval.verify.witnesses import Others
from caseindex.retrieval.word_index import analyser_fingerprint

_GROWN = 0.1  # share of new or lost reports from which it is fitted again
_CROWD = 400


@dataclass(frozen=True)
class Opened:
    """``model`` embeds the images; ``pair`` has both sides, where the archive uses such a model; ``labels``: two
    classifiers, where it has them."""

    archive: Archive
    verifier: Verifier
    fingerprint: str
    model: Model
    pair: Model | None
    labels: LabelPair | None = None

    def vectors(self, reader: RecordReader, filed: Sequence[Filed]) -> tuple[list[Float32Array | None], Others]:
        """(the images' mean embedding, what the other models say of them) of archived cases."""
        own = [mean_vector(reader, self.model.fingerprint, one.images) for one in filed]
        return own, others_of(reader, filed, self.pair, self.labels)


def others_of(reader: RecordReader, filed: Sequence[Filed], pair: Model | None, labels: LabelPair | None) -> Others:
    def stored(fingerprint: str) -> list[Float32Array | None]:
        return [mean_vector(reader, fingerprint, one.images) for one in filed]

    return Others(
        stored(pair.fingerprint) if pair is not None else None,
        stored(labels.image.fingerprint) if labels is not None else None,
    )


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
    labels = found_classifiers(archive)
    if labels is not None:
        complete_classes(archive, labels)
    with archive.store.read() as reader:
        reports = reader.counts().reports
    parts = [model.fingerprint, pair.fingerprint if pair else "", analyser_fingerprint()]
    parts += [labels.image.fingerprint, labels.text.fingerprint] if labels is not None else []
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    text = pair.text if pair is not None else None
    stored = None if refit or left_out else load_verifier(archive, key, text, labels.text if labels else None)
    if stored is not None and abs(stored[1].get("reports", 0) - reports) <= _GROWN * reports:
        return Opened(archive, stored[0], stored[2], model, pair, labels)
    verifier = fit_verifier(
        archive,
        model.fingerprint,
        halves=has_halves(dict(model.config), model.dim),
        extra=lambda panel: _extra(archive, panel, pair, labels),
        left_out=left_out,
        on_progress=on_progress,
    )
    if left_out:
        return Opened(archive, verifier, "", model, pair, labels)
    discard_verifiers(archive)
    made_of = {"model": model.fingerprint, "pair": pair.fingerprint if pair else None, "reports": reports}
    return Opened(archive, verifier, save_verifier(archive, key, verifier, made_of), model, pair, labels)


def learned_studies(archive: Archive, name: str | None = None) -> frozenset[str]:
    """Studies that the models behind the witnesses were trained on here."""
    pair = _pair_model(archive, load_image_model(archive, name or archive.settings.models.verify))
    labels = found_classifiers(archive)
    learned = trained_on(archive, pair.fingerprint) if pair is not None else frozenset()
    return learned | (learned_by(archive, labels) if labels is not None else frozenset())


def _pair_model(archive: Archive, model: Model) -> Model | None:
    if model.text is not None:
        return model
    chosen = archive.settings.models.search
    if load_text_encoder(archive.models_dir, chosen) is None:
        return None
    found = load_model(archive.models_dir, chosen)
    return found if found.image is not None and found.text is not None else None


def _extra(archive: Archive, panel: Panel, pair: Model | None, labels: LabelPair | None) -> Extra:
    with archive.store.read() as reader:
        others = others_of(reader, panel.filed, pair, labels)
    classes = None
    if labels is not None:
        chosen = np.sort(np.random.default_rng(0).permutation(len(panel))[:_CROWD])
        prior = labels.text.predict([panel.filed[i].report.text for i in chosen]).mean(0)
        classes = ClassSpace(labels.text, np.asarray(prior, np.float32), learned_by(archive, labels))
    return Extra(_pair_space(archive, panel, pair) if pair is not None else None, classes, others)


def _pair_space(archive: Archive, panel: Panel, pair: Model) -> PairSpace:
    if pair.text is None:
        raise RuntimeError("a pair model without a text encoder")
    chosen = np.sort(np.random.default_rng(0).permutation(len(panel))[:_CROWD])
    reports = [panel.filed[i].report for i in chosen]
    with archive.store.read() as reader:
        stored = [reader.embedding(pair.fingerprint, ItemKind.REPORT, one.report_uid) for one in reports]
    lacking = [place for place, vector in enumerate(stored) if vector is None]
    if lacking:
        for place, vector in zip(lacking, pair.text.encode([reports[place].text for place in lacking]), strict=True):
            stored[place] = vector
    return PairSpace(
        pair.text,
        np.stack([vector for vector in stored if vector is not None]),
        tuple(panel.patients[i] for i in chosen),
        tuple(panel.kinds[i] for i in chosen),
        trained_on(archive, pair.fingerprint),
    )
