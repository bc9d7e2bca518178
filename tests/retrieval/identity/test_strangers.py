"""A question's similarities against strangers, held against the protocols' own normalisation and the definition."""

from __future__ import annotations

import numpy as np
import pytest

from caseindex.evaluation.cohort import LEAST, with_cohort
from caseindex.evaluation.identity_set import Exclusions, IdentitySet
from caseindex.retrieval.identity.strangers import Strangers
from tests.evaluation.drawn_identity import drawn

EXCLUSIONS = Exclusions()


def gallery(seed: int, n: int = 240, persons: int = 90) -> IdentitySet:
    return drawn(seed, n=n, persons=persons, kinds=1, unknown=0)


def compared_with(data: IdentitySet, row: int) -> np.ndarray:
    return (data.copies != data.copies[row]) & (np.arange(len(data)) != row)


@pytest.mark.parametrize("row", [0, 17, 101])
def test_an_image_of_the_archive_is_seen_as_the_benchmark_sees_it(row: int) -> None:
    data = gallery(0)
    strangers = Strangers.of(data, EXCLUSIONS)
    allowed = compared_with(data, row)
    rows = np.flatnonzero(allowed)
    cosines = data.vectors @ data.vectors[row]
    own = strangers.of_question(cosines, allowed)
    assert own is not None
    found = strangers.against(own, cosines[rows], rows)
    expected = with_cohort(data, EXCLUSIONS, filed=False).similarities(np.array([row]), rows)[0]
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_sample_of_whole_patients_stands_for_a_large_archive() -> None:
    """Images outside the sample get the cohort that the definition gives them among the sample's patients."""
    data = gallery(1, n=400, persons=150)
    strangers = Strangers.of(data, EXCLUSIONS, most=200)
    assert LEAST + 2 < len(strangers.rows) <= 200
    inside = np.isin(np.arange(len(data)), strangers.rows)
    persons = data.persons[strangers.rows]
    assert not np.isin(data.persons[~inside], persons).any()
    row = int(np.flatnonzero(~inside)[3])
    allowed = compared_with(data, row)
    rows = np.flatnonzero(allowed)
    cosines = data.vectors @ data.vectors[row]
    own = strangers.of_question(cosines, allowed)
    assert own is not None
    found = strangers.against(own, cosines[rows], rows)

    def cohort(image: int) -> tuple[float, float]:
        best = [
            float((data.vectors[strangers.rows][persons == one] @ data.vectors[image])[
                data.copies[strangers.rows][persons == one] != data.copies[image]
            ].max(initial=-1))
            for one in np.unique(persons)
        ]  # fmt: skip
        nearest = sorted(best, reverse=True)[2 : 2 + max(LEAST, int(0.2 * (len(best) - 2)))]
        return float(np.mean(nearest)), float(np.std(nearest))

    narrowest = float(strangers.seen.cohort.spread.min())  # type: ignore[union-attr]
    for place in (0, 40, 200):
        if inside[rows[place]]:
            continue
        sides = [cohort(one) for one in (row, int(rows[place]))]
        seen = [(float(cosines[rows[place]]) - mean) / max(spread, narrowest) for mean, spread in sides]
        assert found[place] == pytest.approx(np.mean(seen) / 16, abs=1e-4)


def test_what_is_far_from_the_question_keeps_what_is_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the nearest are held against the sample; the others still have a similarity, in the order of their cosines."""
    from caseindex.retrieval.identity import strangers as module

    data = gallery(2, n=400, persons=150)
    strangers = Strangers.of(data, EXCLUSIONS, most=200)
    monkeypatch.setattr(module, "NEAREST", 25)
    rows = np.flatnonzero(compared_with(data, 0))
    cosines = data.vectors @ data.vectors[0]
    own = strangers.of_question(cosines, compared_with(data, 0))
    assert own is not None
    found = strangers.against(own, cosines[rows], rows)
    far = np.argsort(-cosines[rows], kind="stable")[25:]
    assert (np.diff(found[far]) <= 1e-6).all()


def test_few_patients_are_compared_by_cosines() -> None:
    data = gallery(3, n=60, persons=LEAST)
    strangers = Strangers.of(data, EXCLUSIONS)
    assert strangers.of_question(data.vectors @ data.vectors[0], compared_with(data, 0)) is None


def test_a_question_with_nothing_of_its_kind_gets_what_is_usual() -> None:
    data = gallery(4)
    strangers = Strangers.of(data, EXCLUSIONS)
    own = strangers.of_question(data.vectors @ data.vectors[0], np.zeros(len(data), bool))
    assert own is not None
    assert strangers.seen.cohort is not None
    assert own.mean[0] == pytest.approx(float(np.median(strangers.seen.cohort.mean)))
