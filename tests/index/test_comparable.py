"""Which images can be of one person and be seen to be: kinds read from headers as they are written."""

from __future__ import annotations

import pytest

from caseindex.index.comparable import Kind, kind_of, numbered, settled
from caseindex.records import Image


def image(modality: str | None = None, view: str | None = None, body_part: str | None = None) -> Image:
    return Image(image_uid="1", study_uid="1", file="a", source="a", modality=modality, view=view, body_part=body_part)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("DX", "PA", "CHEST"), Kind("radiograph", "frontal", "chest")),
        (("CR", "AP (paediatric)", "Chest"), Kind("radiograph", "frontal", "chest")),
        (("CR/X-ray", "LL", "THORAX"), Kind("radiograph", "lateral", "chest")),
        (("x-ray", "Lateral", "lungs"), Kind("radiograph", "lateral", "chest")),
        (("AP not given)/X-ray", "frontal (PA", "CHEST"), Kind("radiograph", "frontal", "chest")),
        (("CT", "AXIAL", "BRAIN"), Kind("CT", "axial", "head")),
        (("MR", "SAG", "C-SPINE"), Kind("MR", "sagittal", "spine")),
        (("MG", "MLO", "BREAST"), Kind("mammogram", "MLO", "breast")),
        (("OT", "PA", "OTHER"), Kind(None, "frontal", None)),  # another thing, which says nothing
        (("SC", "", ""), Kind(None, None, None)),
        ((None, None, None), Kind(None, None, None)),
        (("ES", "oblique?", "COLON"), Kind("ES", None, "COLON")),  # unknown modality and part are kinds, a view is not
        (("中", "x" * 50, "*"), Kind(None, None, None)),
    ],
)
def test_what_headers_say(given: tuple[str | None, str | None, str | None], expected: Kind) -> None:
    assert kind_of(image(*given)) == expected


def test_what_is_unknown_is_what_is_usual_within_the_modality() -> None:
    kinds = [
        Kind("radiograph", "frontal", "chest"),
        Kind("radiograph", "frontal", "chest"),
        Kind("radiograph", "lateral", None),
        Kind("CT", "axial", "head"),
        Kind(None, None, None),
        Kind("CT", None, None),
        Kind("MR", None, None),
    ]
    assert settled(kinds) == [
        *kinds[:2],
        Kind("radiograph", "lateral", "chest"),
        kinds[3],
        Kind("radiograph", "frontal", "chest"),
        Kind("CT", "axial", "head"),
        Kind("MR", None, None),
    ]


def test_numbers_tell_kinds_apart() -> None:
    frontal, lateral = Kind("radiograph", "frontal", "chest"), Kind("radiograph", "lateral", "chest")
    codes, names = numbered([frontal, lateral, frontal, Kind(None, None, None)])
    assert codes.tolist() == [0, 1, 0, 0]
    assert names == (frontal, lateral)
    codes, names = numbered([])
    assert codes.tolist() == []
    assert names == ()


def test_an_equal_split_is_settled_the_same_way_whatever_the_order() -> None:
    one, two, unknown = Kind("CT", "axial", None), Kind("CT", "coronal", None), Kind("CT", None, None)
    assert settled([one, two, unknown])[2] == settled([two, one, unknown])[2] == one


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind("CT", "axial", "head"), "axial CT, head"),
        (Kind(None, None, None), "image"),
        (Kind(None, "frontal", None), "frontal image"),
    ],
)
def test_in_words(kind: Kind, words: str) -> None:
    assert kind.words() == words
