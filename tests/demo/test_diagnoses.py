from __future__ import annotations

import pytest

from caseindex.demo.diagnoses import FREQUENT, PUBLISHED, Diagnosis, counts, label


def test_the_published_archive_is_met_exactly() -> None:
    assert counts(978) == {diagnosis: count for diagnosis, (_, count) in PUBLISHED.items()}
    assert sum(counts(978).values()) == 978
    assert len(PUBLISHED) == 15


@pytest.mark.parametrize("total", [1, 14, 15, 16, 60, 977, 979, 5000])
def test_any_size_is_met_and_no_class_is_lost(total: int) -> None:
    wanted = counts(total)
    assert sum(wanted.values()) == total
    assert min(wanted.values()) >= (1 if total >= 15 else 0)
    assert wanted[Diagnosis.NORMAL] >= wanted[Diagnosis.TUMOR]


def test_labels_are_those_of_the_archive() -> None:
    assert label(Diagnosis.ISCHEMIC) == "Ишемический инсульт"
    assert len({name for name, _ in PUBLISHED.values()}) == 15
    assert {Diagnosis.NORMAL, Diagnosis.TRAUMA} <= set(FREQUENT)
    assert Diagnosis.TUMOR not in FREQUENT


def test_an_empty_archive_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one image"):
        counts(0)
