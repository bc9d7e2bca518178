"""A fitted verifier on disk: `indexes/verify/`, JSON and safetensors, derived: erased with what it was made of, made again.

Everything that its answers depend on is in its fingerprint: the embeddings' model, the reading of reports, the reports.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from caseindex.index.archive import Archive
from caseindex.index.atomic import write_file_atomically
from caseindex.index.comparable import Kind
from caseindex.protocols import TextEncoder
from caseindex.retrieval.verify.classifiers import ClassSpace, TextLabels
from caseindex.retrieval.verify.evidence import NUMBERS, WITNESSES
from caseindex.retrieval.verify.expectation import Expectation
from caseindex.retrieval.verify.filed import FOLDS
from caseindex.retrieval.verify.fusion import KINDS, Fusion, StatementCurve
from caseindex.retrieval.verify.neighbours import Gallery
from caseindex.retrieval.verify.pair_space import PairSpace
from caseindex.retrieval.verify.rest import Rest
from caseindex.retrieval.verify.ridge import Centring, Ridge
from caseindex.retrieval.verify.targets import Targets
from caseindex.retrieval.verify.verifier import Verifier
from caseindex.retrieval.verify.witnesses import Witnesses

FORMAT: Final = 2
FOLDER: Final = "verify"
_JSON, _TENSORS = "verifier.json", "verifier.safetensors"

Tensors = dict[str, npt.NDArray[Any]]


def form() -> str:
    """Of the numbers and kinds that this version fuses: another one fits again."""
    return hashlib.sha256(json.dumps([FORMAT, FOLDS, KINDS, NUMBERS]).encode()).hexdigest()[:16]


def save_verifier(archive: Archive, key: str, verifier: Verifier, made_of: dict[str, Any]) -> str:
    """Writes it under ``key``; the fingerprint. ``made_of`` is stored beside and given back."""
    from safetensors.numpy import save

    tensors, document = _flat(verifier)
    content = save({name: np.ascontiguousarray(value) for name, value in tensors.items()})
    document |= {"form": form(), "made_of": made_of, "sha256": hashlib.sha256(content).hexdigest()}
    fingerprint = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    folder = archive.indexes_dir / FOLDER / key
    folder.mkdir(parents=True, exist_ok=True)
    write_file_atomically(folder / _TENSORS, content)
    text = json.dumps({**document, "fingerprint": fingerprint}, ensure_ascii=False)
    write_file_atomically(folder / _JSON, text.encode("utf-8", "surrogatepass"))
    return fingerprint


def load_verifier(
    archive: Archive, key: str, text: TextEncoder | None = None, labels: TextLabels | None = None
) -> tuple[Verifier, dict[str, Any], str] | None:
    """(verifier, what it was made of, fingerprint); ``None`` where there is none, or it is damaged or of another
    version: it is derived, and made again. ``text``: the pair model's text encoder; ``labels``: the text classifier."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    folder = archive.indexes_dir / FOLDER / key
    try:
        document = json.loads((folder / _JSON).read_bytes().decode("utf-8", "surrogatepass"))
        content = (folder / _TENSORS).read_bytes()
        if document["form"] != form() or document["sha256"] != hashlib.sha256(content).hexdigest():
            return None
        return _built(load(content), document, text, labels), document["made_of"], document["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        return None


def discard_verifiers(archive: Archive) -> None:
    shutil.rmtree(archive.indexes_dir / FOLDER, ignore_errors=True)


def _flat(verifier: Verifier) -> tuple[Tensors, dict[str, Any]]:
    witnesses = verifier.witnesses
    one, gallery = witnesses.expectation, witnesses.gallery
    tensors: Tensors = {
        "mean": one.centring.mean,
        "ridge.weights": one.ridge.weights,
        "ridge.offsets": one.ridge.offsets,
        "base": one.base,
        "curves": one.curves,
        "side_curve": one.side_curve,
        "crowd_rows": one.crowd_rows,
        "rest.weights": witnesses.rest.weights,
        "rest.offsets": witnesses.rest.offsets,
        "rest.base": witnesses.rest.base,
        "gallery.vectors": gallery.vectors,
        "gallery.rows": gallery.rows,
        "gallery.sides": gallery.sides,
        "fusion.centre": verifier.fusion.centre,
        "fusion.scale": verifier.fusion.scale,
        "fusion.coefficients": verifier.fusion.coefficients,
        "fusion.curve": verifier.fusion.curve,
        "statements": verifier.statements.coefficients,
        "statements.right": verifier.statements.right,
        "right": verifier.right,
        "wrong": verifier.wrong,
        "wrong_kinds": verifier.wrong_kinds,
        "familiar": verifier.familiar,
    }
    document: dict[str, Any] = {
        "findings": one.targets.findings,
        "named": one.targets.named,
        "halves": one.halves,
        "strength": one.ridge.strength,
        "crowd_patients": one.crowd_patients,
        "crowd_kinds": [_kind(kind) for kind in one.crowd_kinds],
        "gallery_patients": gallery.patients.tolist(),
        "gallery_studies": gallery.studies.tolist(),
        "gallery_reports": gallery.reports.tolist(),
        "right_patients": verifier.right_patients,
        "reports": verifier.reports,
        "scale": one.centring.scale,
        "side_scale": one.side_centring.scale if one.side_centring else None,
        "side_strength": one.side_ridge.strength if one.side_ridge else None,
    }
    if one.side_centring is not None and one.side_ridge is not None:
        tensors |= {
            "side_mean": one.side_centring.mean,
            "side_ridge.weights": one.side_ridge.weights,
            "side_ridge.offsets": one.side_ridge.offsets,
        }
    tensors |= {f"alone.{name}": value for name, value in verifier.fusion.alone.items()}
    if witnesses.pair is not None:
        tensors["pair_crowd"] = witnesses.pair.crowd
        document |= {
            "pair_patients": witnesses.pair.patients,
            "pair_kinds": [_kind(kind) for kind in witnesses.pair.kinds],
            "pair_trained_on": sorted(witnesses.pair.trained_on),
        }
    if witnesses.classes is not None:
        tensors["class_prior"] = witnesses.classes.prior
        document["classes_trained_on"] = sorted(witnesses.classes.trained_on)
    return tensors, document


def _kind(kind: Kind) -> list[str | None]:
    return [kind.modality, kind.view, kind.body_part]


def _kinds(rows: list[list[str | None]]) -> tuple[Kind, ...]:
    return tuple(Kind(*row) for row in rows)


def _built(tensors: Tensors, document: dict[str, Any], text: TextEncoder | None, labels: TextLabels | None) -> Verifier:
    sided = "side_mean" in tensors
    expectation = Expectation(
        Targets(tuple(document["findings"]), tuple(document["named"])),
        bool(document["halves"]),
        Centring(tensors["mean"], float(document["scale"])),
        Ridge(tensors["ridge.weights"], tensors["ridge.offsets"], document["strength"]),
        tensors["base"],
        tensors["curves"],
        Centring(tensors["side_mean"], float(document["side_scale"])) if sided else None,
        Ridge(tensors["side_ridge.weights"], tensors["side_ridge.offsets"], document["side_strength"])
        if sided
        else None,
        tensors["side_curve"],
        tensors["crowd_rows"],
        tuple(document["crowd_patients"]),
        _kinds(document["crowd_kinds"]),
    )
    gallery = Gallery(
        tensors["gallery.vectors"],
        tensors["gallery.rows"],
        tensors["gallery.sides"],
        np.array(document["gallery_patients"], dtype=object),
        np.array(document["gallery_studies"], dtype=object),
        np.array(document["gallery_reports"], dtype=object),
    )
    pair = None
    if "pair_crowd" in tensors and text is not None:
        pair = PairSpace(
            text,
            tensors["pair_crowd"],
            tuple(document["pair_patients"]),
            _kinds(document["pair_kinds"]),
            frozenset(document["pair_trained_on"]),
        )
    classes = None
    if "class_prior" in tensors and labels is not None:
        classes = ClassSpace(labels, tensors["class_prior"], frozenset(document["classes_trained_on"]))
    centre, scale, coefficients, curve = (
        tensors[f"fusion.{name}"] for name in ("centre", "scale", "coefficients", "curve")
    )
    return Verifier(
        Witnesses(
            expectation,
            gallery,
            Rest(tensors["rest.weights"], tensors["rest.offsets"], tensors["rest.base"]),
            pair,
            classes,
        ),
        Fusion(centre, scale, coefficients, curve, {name: tensors[f"alone.{name}"] for name in WITNESSES}),
        StatementCurve(tensors["statements"], tensors["statements.right"]),
        tensors["right"],
        tuple(document["right_patients"]),
        tensors["wrong"],
        tensors["wrong_kinds"],
        int(document["reports"]),
        tensors["familiar"],
    )
