"""A search by images and by study, with an encoder small enough for a test: the picture itself, shrunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from caseindex.encoders.model import Model
from caseindex.index.archive import Archive
from caseindex.index.filters import Filters
from caseindex.records import Float32Array, ItemKind, PixelArray
from caseindex.retrieval import encoding
from caseindex.retrieval.picture import read_picture
from caseindex.retrieval.query import Answer, Channel, Level, Query
from caseindex.retrieval.search import Searcher
from tests.retrieval.conftest import make_archive, picture


@dataclass
class Shrunk:
    name: str = "shrunk"
    fingerprint: str = "shrunk-1"
    dim: int = 64

    def preprocess(self, pixels: PixelArray) -> Float32Array:
        small = cv2.resize(pixels, (8, 8), interpolation=cv2.INTER_AREA).astype(np.float32)
        return (small - small.mean())[None]

    def encode(self, batch: Float32Array) -> Float32Array:
        flat = batch.reshape(len(batch), -1)
        return (flat / np.linalg.norm(flat, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    made = make_archive(tmp_path_factory.mktemp("images") / "archive")
    with pytest.MonkeyPatch.context() as patch:
        model = Model("shrunk", "shrunk-1", Shrunk(), None, 64)
        patch.setattr(encoding, "load_image_model", lambda archive, name: model)
        yield made
    made.store.close()


def ask(archive: Archive, **fields: object) -> Answer:
    return Searcher(archive).search(Query(**fields))  # type: ignore[arg-type]


def brute_force(archive: Archive, pixels: PixelArray) -> list[tuple[str, float]]:
    encoder = Shrunk()
    query = encoder.encode(encoder.preprocess(pixels)[None])[0]
    with archive.store.read() as reader:
        ids = reader.embedding_ids("shrunk-1", ItemKind.IMAGE)
        vectors = reader.embeddings_of("shrunk-1", ItemKind.IMAGE, ids)
        uids = [reader.item_uid(ItemKind.IMAGE, int(item)) or "" for item in ids]
    return sorted(zip(uids, (vectors @ query).tolist(), strict=True), key=lambda pair: -pair[1])


def test_nearest_images_and_cases(embedded: Archive) -> None:
    pixels = picture(777)
    images = ask(embedded, pictures=(pixels,), level=Level.IMAGE, k=20)
    expected = brute_force(embedded, pixels)
    assert [hit.image_uid for hit in images.hits] == [uid for uid, _ in expected]
    np.testing.assert_allclose([hit.similarity for hit in images.hits], [score for _, score in expected], atol=1e-5)
    assert images.searched == 20
    assert images.model_fingerprint == "shrunk-1"
    cases = ask(embedded, pictures=(pixels,), k=20)
    first = {}
    for uid, _ in expected:
        first.setdefault(uid.rsplit("-", 1)[0], uid)
    assert [(hit.study_uid, hit.image_uid) for hit in cases.hits] == list(first.items())
    assert all(hit.matched_by == ("image",) for hit in cases.hits)


def test_an_archived_picture_leaves_its_own_study_out(embedded: Archive, tmp_path: Path) -> None:
    copy = tmp_path / "renamed.png"
    copy.write_bytes((embedded.path / "pictures" / "en-meningioma-0.png").read_bytes())
    asked = read_picture(embedded, copy)
    answer = ask(embedded, **asked)
    assert "en-meningioma" not in [hit.study_uid for hit in answer.hits]
    assert any("own study is left out" in note for note in answer.notes)
    included = ask(embedded, **asked, include_own_study=True)
    assert included.hits[0].study_uid == "en-meningioma"
    assert included.hits[0].similarity == pytest.approx(1.0, abs=1e-5)
    assert len(included.hits) == len(answer.hits) + 1


def test_filters_come_before_the_search(embedded: Archive) -> None:
    answer = ask(embedded, pictures=(picture(777),), filters=Filters(body_part=("CHEST",)), k=2)
    assert {hit.study_uid for hit in answer.hits} == {"en-effusion-left", "en-effusion-right"}
    assert answer.searched == 4


def test_a_study_asks_with_its_images_and_its_report(embedded: Archive) -> None:
    answer = ask(embedded, study_uid="ru-ischaemic", k=9)
    assert "ru-ischaemic" not in [hit.study_uid for hit in answer.hits]
    leading = answer.hits[:2]
    assert {hit.study_uid for hit in leading} == {"en-ischaemic", "zh-ischaemic"}
    assert all("report" in hit.matched_by for hit in leading)
    only_images = ask(embedded, study_uid="ru-ischaemic", channel=Channel.IMAGE, k=9)
    assert all(hit.matched_by == ("image",) for hit in only_images.hits)


def test_words_and_a_picture_are_fused(embedded: Archive) -> None:
    pixels = picture(10 * 1)  # the first picture of en-ischaemic
    answer = ask(embedded, text="ischemic stroke", pictures=(pixels,), k=10)
    assert answer.hits[0].study_uid == "en-ischaemic"
    assert set(answer.hits[0].matched_by) == {"report", "image"}
    assert answer.hits[0].similarity > answer.hits[1].similarity
    assert all(0 <= hit.similarity <= 1 for hit in answer.hits)
