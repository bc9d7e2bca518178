"""Pixels and key points of archived images by row, each read once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from caseindex.errors import CaseindexError
from caseindex.index.archive import Archive
from caseindex.records import Image, PixelArray
from caseindex.retrieval.identity.gallery import IdentityGallery
from caseindex.retrieval.identity.key_points import KeyPoints, key_points
from caseindex.retrieval.picture import read_archived

_KEPT = 4000  # images whose key points are kept

Points = Callable[[int], KeyPoints | None]


def looker(archive: Archive, gallery: IdentityGallery) -> Callable[[int], PixelArray | None]:
    """Pixels by row; ``None`` where the source is gone."""

    def look(row: int) -> PixelArray | None:
        return _read(archive, gallery.images[row])

    return look


def _read(archive: Archive, image: Image) -> PixelArray | None:
    try:
        return read_archived(archive, image)
    except (CaseindexError, OSError):  # its source is gone; the embedding still speaks
        return None


def kept_key_points(look: Callable[[int], PixelArray | None]) -> Points:
    """Key points by row, of the last images that were asked for."""

    @lru_cache(maxsize=_KEPT)
    def points_of(row: int) -> KeyPoints | None:
        picture = look(row)
        return key_points(picture) if picture is not None else None

    return points_of
