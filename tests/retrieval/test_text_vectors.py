"""Words in the space of a pair model: by value against numpy, with vectors given in place of a trained model."""

from __future__ import annotations

import numpy as np
import pytest

from caseindex.index.archive import Archive
from caseindex.records import ItemKind
from caseindex.retrieval import bridge, channel_text_vectors
from caseindex.retrieval.encoding import Encoding
from caseindex.retrieval.fusion import WEIGHTS
from caseindex.retrieval.query import Channel, Level, Query
from caseindex.retrieval.search import Searcher

MODEL = "ab" * 32
DIM = 16


@pytest.fixture
def vectors(own_archive: Archive, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Uid -> vector of every image and report; "question" is what any words are encoded as."""
    rng = np.random.default_rng(4)
    drawn: dict[str, np.ndarray] = {}

    def unit() -> np.ndarray:
        vector = rng.standard_normal(DIM).astype(np.float32)
        return vector / np.linalg.norm(vector)

    with own_archive.store.read() as reader:
        images = [image.image_uid for image in reader.images()]
        reports = [report.report_uid for report in reader.reports()]
    for kind, uids in ((ItemKind.IMAGE, images), (ItemKind.REPORT, reports)):
        drawn |= {uid: unit() for uid in uids}
        own_archive.store.put_embeddings(MODEL, kind, uids, np.stack([drawn[uid] for uid in uids]))
    drawn["question"] = unit()
    encoding = Encoding("given", MODEL, DIM)
    monkeypatch.setattr(bridge, "LEAST_PATIENTS", 1000)  # the pair model alone
    monkeypatch.setattr(
        channel_text_vectors, "text_vector", lambda archive, name, text: (encoding, drawn["question"][None])
    )
    return drawn


def cosines(vectors: dict[str, np.ndarray], uids: list[str]) -> dict[str, float]:
    return {uid: float(vectors[uid] @ vectors["question"]) for uid in uids}


def test_the_nearest_images_in_order_with_their_cosines(own_archive: Archive, vectors: dict[str, np.ndarray]) -> None:
    images = [uid for uid in vectors if uid.endswith(("-0", "-1"))]
    expected = cosines(vectors, images)
    typical = float(np.median(list(expected.values())))
    above = sorted((uid for uid in images if expected[uid] > typical), key=lambda uid: -expected[uid])
    answer = Searcher(own_archive).search(
        Query(text="ишемический инсульт", k=50, level=Level.IMAGE, channel=Channel.IMAGE)
    )
    assert [hit.image_uid for hit in answer.hits] == above
    assert [hit.similarity for hit in answer.hits] == pytest.approx([expected[uid] for uid in above], abs=1e-5)
    assert {hit.matched_by for hit in answer.hits} == {("image",)}


def test_a_case_has_its_best_image(own_archive: Archive, vectors: dict[str, np.ndarray]) -> None:
    images = [uid for uid in vectors if uid.endswith(("-0", "-1"))]
    best = max(images, key=cosines(vectors, images).__getitem__)
    answer = Searcher(own_archive).search(Query(text="stroke", channel=Channel.IMAGE))
    assert answer.hits[0].image_uid == best
    assert len({hit.study_uid for hit in answer.hits}) == len(answer.hits)


def test_report_vectors_are_fused_with_their_weight(own_archive: Archive, vectors: dict[str, np.ndarray]) -> None:
    query = Query(text="ишемический инсульт", channel=Channel.REPORT)
    fused = Searcher(own_archive).search(query)
    assert fused.channels == ("words", "report_vectors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channel_text_vectors, "text_vector", lambda archive, name, text: None)
        words = {hit.study_uid: hit.similarity for hit in Searcher(own_archive).search(query).hits}
    share = WEIGHTS["report_vectors"] / (WEIGHTS["words"] + WEIGHTS["report_vectors"])
    assert {hit.study_uid for hit in fused.hits} == set(words)
    for hit in fused.hits:
        cosine = max(0.0, float(vectors[f"r-{hit.study_uid}"] @ vectors["question"]))
        assert hit.similarity == pytest.approx((1 - share) * words[hit.study_uid] + share * cosine, abs=1e-5)


def test_words_that_no_concept_covers_bring_no_image(own_archive: Archive, vectors: dict[str, np.ndarray]) -> None:
    for channel in (Channel.IMAGE, Channel.ALL):
        answer = Searcher(own_archive).search(Query(text="qwzx vbnm", channel=channel))
        assert not answer.hits
