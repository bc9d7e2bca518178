"""What answers about one image stand on: the strangers that similarities are held against, and what those then prove."""

from __future__ import annotations

from dataclasses import dataclass

from caseindex.encoders.model import Model
from caseindex.evaluation.identity_set import Exclusions
from caseindex.index.archive import Archive
from caseindex.retrieval.identity.evidence import Evidence, evidence_for
from caseindex.retrieval.identity.gallery import IdentityGallery
from caseindex.retrieval.identity.strangers import Strangers


@dataclass(frozen=True, slots=True)
class Basis:
    """``evidence`` is of similarities as ``strangers`` normalises them."""

    strangers: Strangers
    evidence: Evidence


def basis(
    archive: Archive, model: Model, gallery: IdentityGallery, exclusions: Exclusions, *, pairs: bool = False
) -> Basis:
    """``pairs``: also of an image against an image."""
    strangers = Strangers.of(gallery.as_set(), exclusions)
    return Basis(strangers, evidence_for(archive, model, strangers.seen, exclusions, patients=False, pairs=pairs))
