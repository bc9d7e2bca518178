"""What the records say against two images being of one person."""

from __future__ import annotations

from caseindex.records import Image, Sex
from caseindex.retrieval.identity.finding import Reason

MOST_YEARS = 2.0  # ages are whole years, and typed in at registration


def contradictions(one: Image, two: Image) -> list[Reason]:
    """Recorded sex, and year of birth by age and date."""
    found = []
    sexes = (one.sex, two.sex)
    if None not in sexes and Sex.OTHER not in sexes and one.sex is not two.sex:
        found.append(Reason("sex_differs", {"one": str(one.sex), "two": str(two.sex)}))
    years = (_born(one), _born(two))
    if years[0] is not None and years[1] is not None and abs(years[0] - years[1]) > MOST_YEARS:
        found.append(Reason("birth_differs", {"years": abs(years[0] - years[1])}))
    return found


def _born(image: Image) -> float | None:
    if image.age_years is None or not image.date:
        return None
    try:
        return int(image.date[:4]) - image.age_years
    except ValueError:
        return None
