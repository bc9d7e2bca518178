"""The audit over an archive with planted errors: it sees them, and only them, and nothing is left of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from caseindex.index.archive import Archive
from caseindex.retrieval.identity import looks
from caseindex.retrieval.identity.gallery import IdentityGallery, load_gallery
from caseindex.retrieval.identity.planted import planted_repetitions
from tests.cli.drawn_gallery import given_embeddings, make_gallery


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    made = make_gallery(tmp_path_factory.mktemp("planted") / "archive", patients=60, alone=30, spread=0.15)
    with given_embeddings():
        yield made
    made.store.close()


def opened(archive: Archive) -> tuple[IdentityGallery, object]:
    return load_gallery(archive)


def test_what_is_planted_stands_first(archive: Archive) -> None:
    """Images of one patient are all but equal here, so that a planted one is unlike its new patient's."""
    gallery, model = opened(archive)
    before = gallery.persons.copy()
    done: list[int] = []
    found = planted_repetitions(
        archive,
        model,  # type: ignore[arg-type]
        gallery,
        rate=0.04,
        repetitions=3,
        on_progress=lambda _, now, total: done.append(now),
    )
    assert np.array_equal(gallery.persons, before)
    assert sum(done) == 3
    for one in found:
        planted = np.flatnonzero(one.planting.planted)
        # But for the images beside them, whose only mate they may be.
        others = ~np.isin(one.planting.persons, one.planting.persons[planted])
        assert np.median(one.evidence[planted]) > one.evidence[others].max()
        assert np.median(one.probability[planted]) > one.probability[others].max()
        assert (one.suggested[planted] == before[planted]).mean() >= 0.8
        heads = [flag.row for flag in one.worklist[: len(planted)]]
        assert np.isin(planted, heads).mean() >= 0.5
        named = {flag.row: flag.suggested for flag in one.worklist}
        assert all(named[row] == one.suggested[row] for row in planted.tolist() if row in named)
        assert [flag.probability for flag in one.worklist] == sorted(
            (flag.probability or 0.0 for flag in one.worklist), reverse=True
        )
    drawn_rows = [np.flatnonzero(one.planting.planted).tolist() for one in found]
    assert drawn_rows[0] != drawn_rows[1] != drawn_rows[2]


def test_nobody_to_plant_from_gives_nothing(tmp_path: Path) -> None:
    archive = make_gallery(tmp_path / "alone", patients=0, alone=6)
    with given_embeddings():
        gallery, model = opened(archive)
        assert planted_repetitions(archive, model, gallery, rate=0.1, repetitions=2) == []  # type: ignore[arg-type]
    archive.store.close()


def test_key_points_are_looked_up_once_for_all_repetitions(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def read(_: Archive, image: object) -> None:
        asked.append(image.image_uid)  # type: ignore[attr-defined]

    monkeypatch.setattr(looks, "_read", read)
    gallery, model = opened(archive)
    planted_repetitions(archive, model, gallery, rate=0.04, repetitions=3, geometry=10)  # type: ignore[arg-type]
    assert asked
    assert len(asked) == len(set(asked))
