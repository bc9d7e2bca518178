"""`--trained-on`: whether a measurement takes in patients that the model has learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from caseindex.cli.output import say

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from caseindex.index.archive import Archive
    from caseindex.retrieval.identity.gallery import IdentityGallery

TRAINED_ON: Final = "patients that the model was trained on"
TrainedOnOption = Annotated[
    bool,
    typer.Option(
        "--trained-on",
        help="Measure on patients that the model was trained on too; it knows them too well.",
    ),
]


def unseen_images(archive: Archive, gallery: IdentityGallery) -> npt.NDArray[np.bool_] | None:
    """[n] images of patients that the model was not trained on; ``None`` where that is everybody. Says so to the person."""
    import numpy as np

    from caseindex.index.trained_on import trained_on

    studies = trained_on(archive, gallery.fingerprint)
    if not studies:
        return None
    learned = np.array([image.study_uid in studies for image in gallery.images])
    seen = learned | ((gallery.persons >= 0) & np.isin(gallery.persons, gallery.persons[learned]))
    say(f"caseindex: measured on {int((~seen).sum())} of {len(seen)} images; {TRAINED_ON} are left out")
    return np.asarray(~seen)
