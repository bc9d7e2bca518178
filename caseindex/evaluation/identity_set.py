"""Images with what is known of their persons: what the identity protocols measure on, and which pairs count."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from caseindex.records import Float32Array, Int64Array

#: Similarities that are held at once: 64 MiB, and masks of a byte each.
_BLOCK_VALUES = 16_000_000

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Of each image's similarities to the strangers that it resembles most: ``mean``, ``spread``: [n]; ``filed``: whether
    the patient that it is filed under counted as its own. See :mod:`caseindex.evaluation.cohort`."""

    mean: Float32Array
    spread: Float32Array
    filed: bool = True

    def subset(self, rows: Int64Array | slice) -> Cohort:
        """Of the chosen images."""
        return replace(self, mean=self.mean[rows], spread=self.spread[rows])


#: Spreads that a normalised similarity may lie from its cohort's mean, so that it stays within -1 and 1.
_SPREADS = 16.0


def normalised(cosines: Float32Array, one: Cohort, two: Cohort) -> Float32Array:
    """[n, m] cosines of the images of ``one`` to those of ``two``, counted in the spreads of both; between -1 and 1."""
    seen = (cosines - one.mean[:, None]) / one.spread[:, None]
    seen += (cosines - two.mean[None, :]) / two.spread[None, :]
    return np.asarray(np.clip(seen / (2 * _SPREADS), -1, 1), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class IdentitySet:
    """Row-aligned. ``vectors``: [n, dim] float32, L2-normalised; ``persons``: [n], -1 where unknown; ``kinds``: [n],
    only images of one kind are compared; ``studies``: [n]; ``copies``: [n], equal for pixel-identical images.
    ``possibly_same``: pairs of persons that may be one, which count neither as same nor as different. ``cohort``:
    similarities are normalised by it, and still lie between -1 and 1; without one they are cosines."""

    vectors: Float32Array
    persons: Int64Array
    kinds: Int64Array
    studies: Int64Array
    copies: Int64Array
    possibly_same: Collection[tuple[int, int]] = field(default=frozenset())
    cohort: Cohort | None = None

    def __len__(self) -> int:
        return len(self.persons)

    def partners(self) -> list[Int64Array]:
        """For each person number, the persons that may be the same one."""
        # A pair may name persons of whom no image is in this subset.
        highest = max([int(self.persons.max(initial=-1)), *(one for pair in self.possibly_same for one in pair)])
        found: list[list[int]] = [[] for _ in range(highest + 1)]
        for one, two in self.possibly_same:
            if one != two:
                found[one].append(two)
                found[two].append(one)
        return [np.array(sorted(set(numbers)), np.int64) for numbers in found]

    def subset(self, rows: Int64Array) -> IdentitySet:
        """The chosen images; persons keep their numbers."""
        return replace(
            self,
            vectors=self.vectors[rows],
            persons=self.persons[rows],
            kinds=self.kinds[rows],
            studies=self.studies[rows],
            copies=self.copies[rows],
            cohort=self.cohort.subset(rows) if self.cohort is not None else None,
        )

    def without_gaps(self) -> IdentitySet:
        """The same images, their persons numbered from 0 without gaps: what is kept per person of a subset then costs what
        the subset's persons cost."""
        numbers = np.unique(self.persons[self.persons >= 0])
        place = {number: new for new, number in enumerate(numbers.tolist())}
        pairs = {(place[one], place[two]) for one, two in self.possibly_same if one in place and two in place}
        persons = np.where(self.persons >= 0, np.searchsorted(numbers, self.persons), -1)
        return replace(self, persons=persons, possibly_same=frozenset(pairs))

    def similarities(self, rows: Int64Array, columns: Int64Array | slice = slice(None)) -> Float32Array:
        """[rows, columns] as the set counts them."""
        found = self.vectors[rows] @ self.vectors[columns].T
        if self.cohort is None:
            return found
        return normalised(found, self.cohort.subset(rows), self.cohort.subset(columns))


@dataclass(frozen=True, slots=True)
class Exclusions:
    """What is left out of a query's gallery beside itself and what cannot be compared with it."""

    same_study: bool = False
    copies: bool = True

    def words(self) -> str:
        parts = ["the query image itself", "images of another kind (modality, view, body part)"]
        parts += ["pixel-identical copies"] if self.copies else []
        parts += ["images of the query's study"] if self.same_study else []
        return ", ".join(
            [*parts, "images of unknown patients", "patients that may be the query's own under another id"]
        )


DEFAULT_EXCLUSIONS = Exclusions()


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some queries against all images. ``rows``: [b]; ``similarity``: [b, n]; ``counted``: [b, n] pairs that count;
    ``same``: [b, n] those of one person."""

    rows: Int64Array
    similarity: Float32Array
    counted: Mask
    same: Mask


def blocks(data: IdentitySet, exclusions: Exclusions, rows: Int64Array | None = None) -> Iterator[Block]:
    """The similarities of ``rows`` (default: all images) to all images, a bounded number of rows at a time."""
    asking = np.arange(len(data)) if rows is None else rows
    size = max(1, min(4096, _BLOCK_VALUES // max(1, len(data))))
    partners = data.partners()
    has_partner = np.array([number for number, others in enumerate(partners) if len(others)], np.int64)
    for start in range(0, len(asking), size):
        chosen = asking[start : start + size]
        counted = (data.kinds[chosen][:, None] == data.kinds[None, :]) & (data.persons[None, :] >= 0)
        counted &= data.persons[chosen][:, None] >= 0
        counted[np.arange(len(chosen)), chosen] = False
        if exclusions.copies:
            counted &= data.copies[chosen][:, None] != data.copies[None, :]
        if exclusions.same_study:
            counted &= data.studies[chosen][:, None] != data.studies[None, :]
        for place in np.flatnonzero(np.isin(data.persons[chosen], has_partner)):
            counted[place] &= ~np.isin(data.persons, partners[data.persons[chosen[place]]])
        same = counted & (data.persons[chosen][:, None] == data.persons[None, :])
        yield Block(chosen, data.similarities(chosen), counted, same)


def compared_within(data: IdentitySet, rows: Int64Array, exclusions: Exclusions) -> Mask:
    """[rows, rows]: which images of one person count for each other, as in :func:`blocks`."""
    found: Mask = data.kinds[rows][:, None] == data.kinds[rows][None, :]
    np.fill_diagonal(found, False)
    if exclusions.copies:
        found &= data.copies[rows][:, None] != data.copies[rows][None, :]
    if exclusions.same_study:
        found &= data.studies[rows][:, None] != data.studies[rows][None, :]
    return found


def numbered(values: Sequence[str | None]) -> Int64Array:
    """[n] a number for each different value, in order of appearance; -1 for ``None``.

    >>> numbered(["b", None, "a", "b"]).tolist()
    [0, -1, 1, 0]
    """
    number: dict[str, int] = {}
    return np.array([-1 if value is None else number.setdefault(value, len(number)) for value in values], np.int64)
