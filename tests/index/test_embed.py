"""Embedding what is missing: by value, resumed, with unreadable sources, and the two models that need no second pass."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from caseindex.encoders.headed_image import HeadedImageEncoder
from caseindex.encoders.model import Model, load_model
from caseindex.encoders.whitening import normalised
from caseindex.errors import TrainingError
from caseindex.index.archive import Archive
from caseindex.index.embed import embed
from caseindex.index.identity_model import identity_model
from caseindex.records import Float32Array, Image, ItemKind, PixelArray, Report


class Mean:
    """[mean, 1 - mean, 1] of the first 4 x 4 pixels: known for every picture."""

    name, fingerprint, dim = "mean", "a" * 64, 3

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.fail_after: int | None = None

    def preprocess(self, pixels: PixelArray) -> Float32Array:
        return np.repeat(pixels[None, :4, :4].astype(np.float32) / 255, 3, 0)

    def encode(self, batch: Float32Array) -> Float32Array:
        if self.fail_after is not None and sum(self.batches) >= self.fail_after:
            raise KeyboardInterrupt
        self.batches.append(len(batch))
        mean = batch.mean((1, 2, 3))
        return normalised(np.stack([mean, 1 - mean, np.ones_like(mean)], 1))


class Length:
    name, fingerprint, dim = "mean", "a" * 64, 3

    def encode(self, texts: Sequence[str]) -> Float32Array:
        return normalised(np.array([[len(text), 1, 0] for text in texts], np.float32))


def _model(image: Mean | None = None, text: Length | None = None) -> Model:
    return Model("mean", "a" * 64, image, text, 3)


def _vector(value: int) -> Float32Array:
    mean = value / 255
    return normalised(np.array([[mean, 1 - mean, 1]], np.float32))[0]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    (tmp_path / "archive.toml").write_text("")
    opened = Archive.open(tmp_path)
    images = []
    for number in range(50):
        file = tmp_path / f"{number}.png"
        pixels = np.full((40, 48), number * 5, np.uint8)
        pixels[20:] = 255 - number
        Picture.fromarray(pixels).save(file)
        images.append(
            Image(
                image_uid=f"i{number}",
                study_uid="s",
                file=file.name,
                source=str(file),
                represents_series=number % 5 != 4,
            )
        )
    reports = [Report(report_uid=f"r{n}", study_uid="s", text="x" * (n + 1), file="t") for n in range(7)]
    opened.store.put(images=images, reports=reports)
    return opened


def _stored(archive: Archive, kind: ItemKind, uid: str) -> Float32Array | None:
    with archive.store.read() as reader:
        return reader.embedding("a" * 64, kind, uid)


def test_every_vector_is_its_own_pictures(archive: Archive) -> None:
    seen: list[int] = []
    summary = embed(archive, _model(Mean(), Length()), batch=7, on_progress=lambda done, total: seen.append(done))
    assert (summary.images, summary.reports, summary.present, summary.unreadable) == (40, 7, 0, {})
    assert sum(seen) == 47
    for number in range(50):
        found = _stored(archive, ItemKind.IMAGE, f"i{number}")
        if number % 5 == 4:
            assert found is None
        else:
            np.testing.assert_allclose(found, _vector(number * 5), atol=1e-6)
    np.testing.assert_allclose(_stored(archive, ItemKind.REPORT, "r2"), [3 / 10**0.5, 1 / 10**0.5, 0], atol=1e-6)


def test_only_what_is_missing(archive: Archive) -> None:
    embed(archive, _model(Mean()))
    encoder = Mean()
    again = embed(archive, _model(encoder))
    assert (again.images, again.present, encoder.batches) == (0, 40, [])
    more = embed(archive, _model(encoder), all_slices=True)
    assert (more.images, more.present) == (10, 40)


def test_interrupted_it_keeps_what_was_done(archive: Archive) -> None:
    encoder = Mean()
    encoder.fail_after = 16
    with pytest.raises(KeyboardInterrupt):
        embed(archive, _model(encoder), batch=8)
    with archive.store.read() as reader:
        assert len(reader.embedding_ids("a" * 64, ItemKind.IMAGE)) == 16
    assert embed(archive, _model(Mean()), batch=8).images == 24


def test_unreadable_sources_are_named_and_the_others_go_on(archive: Archive) -> None:
    (archive.path / "3.png").unlink()
    (archive.path / "6.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    summary = embed(archive, _model(Mean()))
    assert set(summary.unreadable) == {"3.png", "6.png"}
    assert summary.images == 38
    np.testing.assert_allclose(_stored(archive, ItemKind.IMAGE, "i7"), _vector(35), atol=1e-6)


def test_a_failing_store_is_not_swallowed(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.store, "put_embeddings", full)
    with pytest.raises(OSError, match="No space"):
        embed(archive, _model(Mean()))


def test_a_head_on_stored_embeddings_reads_no_pixels(archive: Archive) -> None:
    embed(archive, _model(Mean()))
    for file in archive.path.glob("*.png"):
        file.unlink()
    base = Mean()
    encoder = HeadedImageEncoder(
        name="head",
        fingerprint="b" * 64,
        dim=2,
        base=base,  # type: ignore[arg-type]
        head=lambda vectors: normalised(vectors[:, :2]),
        base_fingerprint="a" * 64,
    )
    summary = embed(archive, Model("head", "b" * 64, encoder, None, 2))
    assert (summary.images, summary.unreadable, base.batches) == (40, {}, [])
    with archive.store.read() as reader:
        np.testing.assert_allclose(
            reader.embedding("b" * 64, ItemKind.IMAGE, "i10"), normalised(_vector(50)[None, :2])[0], atol=1e-6
        )


def test_the_grid_is_whitened_on_the_archive(archive: Archive) -> None:
    model = identity_model(archive, "grid", dim=8)
    assert model.dim == 8
    assert embed(archive, model).images == 0  # the sample was the whole archive
    with archive.store.read() as reader:
        ids = reader.embedding_ids(model.fingerprint, ItemKind.IMAGE)
        vectors = reader.embeddings_of(model.fingerprint, ItemKind.IMAGE, ids)
    assert vectors.shape == (40, 8)
    assert identity_model(archive, "grid").fingerprint == model.fingerprint
    assert load_model(archive.models_dir, "grid").fingerprint == model.fingerprint


def test_nothing_to_whiten(tmp_path: Path) -> None:
    (tmp_path / "archive.toml").write_text("")
    with pytest.raises(TrainingError, match="at least 2"):
        identity_model(Archive.open(tmp_path), "grid")
