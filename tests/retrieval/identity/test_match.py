"""Whose image is this, and are two of one person: probabilities, exclusions, and what is declined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from caseindex.evaluation.identity_set import Exclusions
from caseindex.index.comparable import Kind
from caseindex.retrieval.identity.basis import Basis, basis
from caseindex.retrieval.identity.evidence import evidence_for
from caseindex.retrieval.identity.gallery import IdentityGallery, load_gallery
from caseindex.retrieval.identity.match import Question, kind_number, match
from caseindex.retrieval.identity.pair import Verdict, match_pair
from caseindex.retrieval.identity.rerank import ReRanking
from tests.cli.drawn_gallery import given_embeddings
from tests.retrieval.identity.planted_archive import DIM, Planted, make_planted

FRONTAL = Kind("radiograph", "frontal", None)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    made = make_planted(tmp_path_factory.mktemp("match") / "archive")
    with given_embeddings(DIM):
        yield made
    made.archive.store.close()


@pytest.fixture(scope="module")
def gallery(planted: Planted) -> IdentityGallery:
    return load_gallery(planted.archive)[0]


@pytest.fixture(scope="module")
def known(planted: Planted, gallery: IdentityGallery) -> Basis:
    return basis(planted.archive, load_gallery(planted.archive)[1], gallery, Exclusions(), pairs=True)


def asked(gallery: IdentityGallery, uid: str, *, inside: bool = True) -> Question:
    row = gallery.row_of(uid)
    assert row is not None
    digest = gallery.images[row].pixel_sha256 or ""
    return Question(uid, gallery.vectors[row], int(gallery.kinds[row]), row if inside else None, frozenset({digest}))


def answer(planted: Planted, gallery: IdentityGallery, question: Question, known: Basis, **options: object):  # type: ignore[no-untyped-def]
    model = load_gallery(planted.archive)[1]
    return match(planted.archive, model, gallery, question, known=known, **options)  # type: ignore[arg-type]


def test_the_patient_comes_first_without_the_image_itself(
    planted: Planted, gallery: IdentityGallery, known: Basis
) -> None:
    found = answer(planted, gallery, asked(gallery, "i030-0"), known)
    first = found.candidates[0]
    assert first.patient_id == "P030"
    assert "i030-0" not in {image.image_uid for one in found.candidates for image in one.images}
    assert first.probability is not None
    assert first.probability > 0.5
    assert found.nobody is not None
    assert sum(one.probability for one in found.candidates) + found.nobody <= 1 + 1e-9
    assert found.compared == len(gallery) - 1


def test_copies_are_named_and_do_not_count(planted: Planted, gallery: IdentityGallery, known: Basis) -> None:
    found = answer(planted, gallery, asked(gallery, "again"), known)
    assert [image.image_uid for image in found.copies] == ["i025-0"]
    assert found.compared == len(gallery) - 2
    kept = answer(planted, gallery, asked(gallery, "again"), known, exclusions=Exclusions(copies=False))
    assert kept.candidates[0].similarity == pytest.approx(1, abs=1e-5)


def test_a_stranger_is_nobody_here(planted: Planted, gallery: IdentityGallery, known: Basis) -> None:
    generator = np.random.default_rng(77)
    vector = generator.normal(size=DIM)
    stranger = Question("new", (vector / np.linalg.norm(vector)).astype(np.float32), 0, None)
    found = answer(planted, gallery, stranger, known)
    assert found.nobody is not None
    assert found.nobody > 0.6
    assert found.nobody > 3 * max(one.probability or 0 for one in found.candidates)
    sure = answer(planted, gallery, stranger, known, prior_here=0.999)
    assert sure.nobody is not None
    assert sure.nobody < found.nobody


def test_another_kind_is_declined(planted: Planted, gallery: IdentityGallery, known: Basis) -> None:
    assert kind_number(gallery, Kind("radiograph", "lateral", None)) == -1
    assert kind_number(gallery, Kind(None, None, None)) is None
    assert kind_number(gallery, FRONTAL) == 0
    lateral = replace(asked(gallery, "i030-0"), kind=-1)
    found = answer(planted, gallery, lateral, known)
    assert found.candidates == ()
    assert found.declined is not None


@pytest.mark.parametrize("reranking", list(ReRanking))
def test_every_second_look_keeps_the_patient_first(
    planted: Planted, gallery: IdentityGallery, known: Basis, reranking: ReRanking
) -> None:
    import cv2

    picture = cv2.imread(str(planted.archive.path / "pictures" / "i030-0.png"), cv2.IMREAD_GRAYSCALE)
    question = replace(asked(gallery, "i030-0"), picture=picture)

    def look(image: object) -> np.ndarray:
        return cv2.imread(image.source, cv2.IMREAD_GRAYSCALE)  # type: ignore[attr-defined]

    plain = answer(planted, gallery, question, known)
    found = answer(planted, gallery, question, known, reranking=reranking, look=look)
    assert found.candidates[0].patient_id == "P030"
    assert [one.rank for one in found.candidates] == list(range(1, len(found.candidates) + 1))
    assert found.candidates[0].probability == plain.candidates[0].probability
    assert found.candidates[0].inliers is not None
    assert found.candidates[0].inliers > max(one.inliers for one in found.candidates[1:])


def test_pairs(gallery: IdentityGallery, known: Basis) -> None:
    one, two, other = (asked(gallery, uid) for uid in ("i030-0", "i030-1", "i031-0"))
    same = match_pair(one, two, (FRONTAL, FRONTAL), gallery, known, geometry=False)
    assert same.probability is not None
    assert same.verdict is Verdict.SAME
    assert match_pair(one, other, (FRONTAL, FRONTAL), gallery, known, geometry=False).verdict is Verdict.DIFFERENT
    unlike = match_pair(one, two, (FRONTAL, Kind("radiograph", "lateral", None)), gallery, known)
    assert (unlike.probability, unlike.verdict) == (None, None)
    assert "view differs" in (unlike.declined or "")
    without = replace(known, evidence=replace(known.evidence, pair=None))
    unsure = match_pair(one, two, (FRONTAL, FRONTAL), gallery, without, geometry=False)
    assert (unsure.probability, unsure.verdict) == (None, None)
    assert unsure.similarity == pytest.approx(float(one.vector @ two.vector))


def test_few_patients_have_no_probability(planted: Planted, gallery: IdentityGallery) -> None:
    """Nothing is said where nothing is known, and it is said why."""
    data = gallery.as_set()
    few = data.subset(np.flatnonzero(data.persons < 6))
    known = evidence_for(planted.archive, load_gallery(planted.archive)[1], few, Exclusions())
    assert known.image is None
    assert "no probability" in known.why
