"""Drawn sets of images with persons, and the slow direct answer to which pairs count."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from caseindex.evaluation.identity_set import Exclusions, IdentitySet


def drawn(
    seed: int,
    n: int = 40,
    persons: int = 12,
    *,
    kinds: int = 2,
    dim: int = 6,
    spread: float = 0.8,
    unknown: float = 0.1,
    possibly_same: frozenset[tuple[int, int]] = frozenset(),
) -> IdentitySet:
    """Images near their person's direction; some of unknown persons, some copies, some of one study."""
    generator = np.random.default_rng(seed)
    owners = generator.integers(0, persons, n)
    centres = generator.normal(size=(persons, dim))
    vectors = centres[owners] + spread * generator.normal(size=(n, dim))
    studies = np.arange(n)
    copies = np.arange(n)
    for row in range(1, n):
        mates = np.flatnonzero(owners[:row] == owners[row])
        if len(mates) and generator.random() < 0.25:
            studies[row] = studies[mates[0]]
        if len(mates) and generator.random() < 0.15:
            copies[row], vectors[row] = copies[mates[-1]], vectors[mates[-1]]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    known = np.where(generator.random(n) < unknown, -1, owners)
    return IdentitySet(
        vectors.astype(np.float32), known, generator.integers(0, kinds, n), studies, copies, possibly_same
    )


def counts(data: IdentitySet, exclusions: Exclusions, query: int, other: int) -> bool:
    """Whether ``other`` may be found by ``query``, said one condition after the other."""
    one, two = int(data.persons[query]), int(data.persons[other])
    if query == other or one < 0 or two < 0 or data.kinds[query] != data.kinds[other]:
        return False
    if exclusions.copies and data.copies[query] == data.copies[other]:
        return False
    if exclusions.same_study and data.studies[query] == data.studies[other]:
        return False
    return one == two or ((one, two) not in data.possibly_same and (two, one) not in data.possibly_same)


def similarity(data: IdentitySet) -> np.ndarray:
    """[n, n] float32, as the product under test computes it: ties must be ties in both."""
    return data.vectors @ data.vectors.T


sets = st.builds(
    drawn,
    st.integers(0, 2**32 - 1),
    n=st.integers(2, 24),
    persons=st.integers(1, 8),
    kinds=st.integers(1, 3),
    possibly_same=st.sampled_from([frozenset(), frozenset({(0, 0)})]),
)
exclusions = st.builds(Exclusions, same_study=st.booleans(), copies=st.booleans())
