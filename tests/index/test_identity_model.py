"""The identity encoder fitted to an archive: what it is made of, when it is made, and what it declines."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caseindex.encoders.head_in_parts import fit_in_parts
from caseindex.encoders.model import Model, load_model
from caseindex.encoders.preprocessing import Preprocessing
from caseindex.encoders.whitening import Whitening
from caseindex.errors import ModelError, TrainingError
from caseindex.index import identity_model as module
from caseindex.index.archive import Archive
from caseindex.index.identity_model import FITTED, archive_alignment, fitted_to, identity_model
from caseindex.ingest.decode import RenderOptions, decode
from caseindex.records import Image, ItemKind, Study
from tests.train.drawn_persons import make_persons


class Coarse:
    """An encoder that is only its picture, 8 x 8: fast, and its values can be worked out."""

    name, dim, spec = "coarse", 64, {"family": "none"}
    preprocessing = Preprocessing(height=64, width=64, fit="squash")

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        cells = pictures[:, 0].reshape(-1, 8, 8, 8, 8).mean((2, 4))
        return np.asarray(cells.reshape(-1, 64), np.float32)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return make_persons(tmp_path / "archive", 5, 2)


@pytest.fixture(autouse=True)
def few_views(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VIEWED", 6)


def uids(archive: Archive) -> list[str]:
    with archive.store.read() as reader:
        return [uid for _, uid in reader.items(ItemKind.IMAGE)]


def pixels(archive: Archive, uid: str) -> np.ndarray:
    with archive.store.read() as reader:
        image = reader.image(uid)
    assert image is not None
    (decoded,) = decode(image.source, image.file, RenderOptions())
    return decoded.pixels  # type: ignore[union-attr]


def test_fitting_is_mean_and_normalisation_of_the_archive_s_own_views(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    base: Any = Coarse()
    seen: dict[str, Any] = {}

    def spied(vectors: np.ndarray, deviations: np.ndarray, within: Any, widths: Any, **given: Any) -> Any:
        seen.update(vectors=vectors, deviations=deviations, within=within, widths=widths)
        return fit_in_parts(vectors, deviations, within, widths, **given)

    monkeypatch.setattr(module, "fit_in_parts", spied)
    counted: list[tuple[int, int]] = []
    found = fitted_to(archive, base, align=False, dim=4, on_progress=lambda done, total: counted.append((done, total)))
    assert list(found.uids) == uids(archive)
    framed = [np.asarray(found.preprocessing.resized(pixels(archive, uid))) for uid in found.uids]
    expected = base.encode(np.stack([found.preprocessing.scaled(one) for one in framed]))
    assert seen["vectors"] == pytest.approx(expected, abs=1e-4)
    assert seen["within"] is None
    assert list(seen["widths"]) == [64]
    assert isinstance(found.head, Whitening)
    assert seen["deviations"].shape == (module.VIEWS * 6, 64)
    assert 0 < np.abs(seen["deviations"]).mean() < np.abs(expected).mean()
    assert found.head.mean == pytest.approx(expected.mean(0), abs=1e-4)
    assert found.vectors.shape == (10, 4)
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(1)
    assert found.preprocessing.mask_text
    assert found.preprocessing.alignment is None
    assert sum(done for done, _ in counted) == counted[0][1] == 106  # ten pictures, sixteen views of six


def test_fitting_is_the_same_each_time(archive: Archive) -> None:
    base: Any = Coarse()
    first, second = fitted_to(archive, base, dim=4), fitted_to(archive, base, dim=4)
    assert np.array_equal(first.vectors, second.vectors)
    other = fitted_to(archive, base, dim=4, seed=1)
    assert not np.array_equal(first.head.projection, other.head.projection)


def test_a_part_of_a_large_archive_is_spread_over_it(archive: Archive) -> None:
    base: Any = Coarse()
    found = fitted_to(archive, base, sample=4, dim=2)
    everything = uids(archive)
    assert list(found.uids) == [everything[place] for place in (0, 3, 6, 9)]


def test_pictures_that_are_gone_are_left_out(archive: Archive) -> None:
    base: Any = Coarse()
    gone = uids(archive)[3]
    (archive.path / f"{gone}.png").unlink()
    found = fitted_to(archive, base, dim=2)
    assert list(found.uids) == [uid for uid in uids(archive) if uid != gone]
    for file in archive.path.glob("*.png"):
        file.unlink()
    with pytest.raises(TrainingError, match="0 readable images"):
        fitted_to(archive, base, dim=2)


def test_only_pictures_that_resemble_each_other_are_registered(archive: Archive, tmp_path: Path) -> None:
    plain = Preprocessing(height=224, width=224, fit="squash")
    assert archive_alignment(archive, uids(archive), plain) is not None
    assert archive_alignment(archive, uids(archive)[:1], plain) is None
    assert archive_alignment(archive, uids(archive), Preprocessing(height=224, width=200)) is None
    from PIL import Image as Picture

    noise = np.random.default_rng(0)
    records = []
    for number in range(8):
        file = tmp_path / f"noise{number}.png"
        Picture.fromarray(noise.integers(0, 255, (64, 64)).astype(np.uint8)).save(file)
        records.append(Image(image_uid=f"n{number}", study_uid=f"n{number}", file=file.name, source=str(file)))
    archive.store.put(images=records, studies=[Study(study_uid=one.study_uid) for one in records])
    assert archive_alignment(archive, [one.image_uid for one in records], plain) is None


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, Model]]:
    """The untrained default, fitted at its first use."""
    archive = make_persons(tmp_path_factory.mktemp("grid") / "archive", 4, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "VIEWED", 6)
        model = identity_model(archive)
    yield archive, model
    archive.store.close()


def test_the_default_is_fitted_at_its_first_use(ready: tuple[Archive, Model]) -> None:
    archive, model = ready
    assert model.name == "grid"
    assert model.config["identity"] == {"archive": archive.identifier, "of": "untrained"}
    with archive.store.read() as reader:
        assert len(reader.embedding_ids(model.fingerprint, ItemKind.IMAGE)) == 8
        (block,) = reader.embedding_blocks(model.fingerprint, ItemKind.IMAGE)
    assert model.image is not None
    again = model.image.encode(np.stack([model.image.preprocess(pixels(archive, uid)) for uid in uids(archive)]))
    # What fitting stored is what the saved model says of the same pictures.
    assert (again * block.vectors).sum(1) == pytest.approx(1, abs=1e-3)


def test_at_its_second_use_it_is_only_loaded(ready: tuple[Archive, Model], monkeypatch: pytest.MonkeyPatch) -> None:
    archive, model = ready
    monkeypatch.setattr(module, "fitted_to", None)  # calling it would fail
    assert identity_model(archive, "grid").fingerprint == model.fingerprint


def test_one_made_elsewhere_is_fitted_once_and_again_when_it_changed(
    ready: tuple[Archive, Model], tmp_path: Path
) -> None:
    theirs, model = ready
    here = make_persons(tmp_path / "here", 3, 2, first=50)
    shutil.copytree(theirs.models_dir / "grid", here.models_dir / "theirs")
    found = identity_model(here, "theirs")
    assert found.name == f"theirs{FITTED}"
    assert found.config["identity"]["archive"] == here.identifier
    assert found.config["identity"]["of"] == load_model(here.models_dir, "theirs").fingerprint
    assert found.fingerprint != model.fingerprint
    before = (here.models_dir / f"theirs{FITTED}" / "config.json").stat().st_mtime_ns
    assert identity_model(here, "theirs").fingerprint == found.fingerprint
    assert (here.models_dir / f"theirs{FITTED}" / "config.json").stat().st_mtime_ns == before
    # Named by the fitted name itself, it is this archive's own.
    assert identity_model(here, f"theirs{FITTED}").fingerprint == found.fingerprint


def test_what_is_no_identity_model_is_said(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_model", lambda *_: Model("words", "ab" * 32, None, None, 4))
    with pytest.raises(ModelError, match="no image encoder"):
        identity_model(archive, "words")


def test_an_archive_without_pictures_cannot_be_fitted_to(tmp_path: Path) -> None:
    empty, _ = Archive.create(tmp_path / "empty")
    with pytest.raises(TrainingError, match="at least 2 are needed"):
        identity_model(empty)
    assert not (empty.models_dir / "grid").exists()
