"""Calibrations that are stored with a trained model: counted on unseen patients, used where they hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caseindex.encoders.calibration import COHORT_FILE, FILE, FILES, PERSONS_FILE, load_calibration
from caseindex.encoders.model import Model
from caseindex.evaluation.cohort import with_cohort
from caseindex.evaluation.score_counts import centres, image_against_person
from caseindex.retrieval.identity.evidence import evidence_for
from caseindex.retrieval.identity.gallery import IdentityGallery, read_gallery
from caseindex.train.identity_calibration import EXCLUSIONS, save_calibrations
from caseindex.train.identity_task import IdentityImages
from tests.cli.drawn_gallery import FINGERPRINT, make_gallery

MODEL = Model("identity", FINGERPRINT, None, None, 24)


def images_of(gallery: IdentityGallery) -> IdentityImages:
    nothing = np.zeros((len(gallery), 1, 1), np.uint8)
    return IdentityImages(nothing, gallery.persons, gallery.persons, gallery.kinds, gallery.studies, gallery.copies)


def test_counted_on_unseen_patients_and_used_there(tmp_path: Path) -> None:
    archive = make_gallery(tmp_path / "archive", patients=60, alone=20)
    gallery = read_gallery(archive, MODEL)
    images, uids = images_of(gallery), [image.image_uid for image in gallery.images]
    unseen = np.flatnonzero(gallery.persons >= 35)
    folder = archive.models_dir / "identity"
    folder.mkdir(parents=True)
    assert save_calibrations(archive, folder, FINGERPRINT, images, uids, unseen) == list(FILES)
    for file in FILES:
        found = load_calibration(folder, file)
        assert found is not None
        assert found.persons == 25  # of the unseen, those with several examinations
        assert found.made_on == {"model": FINGERPRINT, "archive": archive.identifier}
    # The very counts of these patients alone, seen against the whole archive's strangers.
    whole = gallery.as_set()
    counts = image_against_person(with_cohort(whole, EXCLUSIONS).subset(unseen), EXCLUSIONS)
    stored = load_calibration(folder, COHORT_FILE)
    assert stored is not None
    assert (stored.genuine, stored.impostor) == (counts.genuine.sum(), counts.impostor.sum())
    assert set(stored.similarities) <= set(centres().tolist())

    for data, file in ((whole, FILE), (with_cohort(whole, EXCLUSIONS), COHORT_FILE)):
        known = evidence_for(archive, MODEL, data, EXCLUSIONS)
        assert "not trained on" in known.why
        assert known.image == load_calibration(folder, file)
    assert known.person == load_calibration(folder, PERSONS_FILE)
    archive.store.close()


@pytest.mark.parametrize("unseen", [8, 0])
def test_too_few_unseen_patients_store_nothing(tmp_path: Path, unseen: int) -> None:
    archive = make_gallery(tmp_path / "archive", patients=40, alone=0)
    gallery = read_gallery(archive, MODEL)
    uids = [image.image_uid for image in gallery.images]
    rows = np.flatnonzero(gallery.persons < unseen)
    tmp = tmp_path / "model"
    tmp.mkdir()
    assert save_calibrations(archive, tmp, FINGERPRINT, images_of(gallery), uids, rows) == []
    assert list(tmp.iterdir()) == []
    archive.store.close()
