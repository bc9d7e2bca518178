"""What each witness says of one case, in numbers: lower speaks against the report, 0 says nothing, NaN cannot know."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from caseindex.records import Polarity, Side
from caseindex.retrieval.verify.claims import UNTOLD, Claims, is_of_now
from caseindex.retrieval.verify.consistency import Check, Checked, Outcome
from caseindex.retrieval.verify.expectation import Seen
from caseindex.retrieval.verify.logistic import Floats
from caseindex.retrieval.verify.neighbours import Near
from caseindex.retrieval.verify.targets import NOTHING, Targets

_MOST = 5.0  # nats that one claim may count
#: The numbers, in the order of the fusion's columns, under the witness that gives them.
WITNESSES: Final[dict[str, tuple[str, ...]]] = {
    "similarity": ("pair", "crowd"),
    "classifiers": ("classes",),
    "statements": ("said_least", "said_mean", "denied_least", "missing_least", "missing_sum", "amount", "side"),
    "neighbours": (
        "near_said_least",
        "near_said_mean",
        "near_denied_least",
        "near_missing_least",
        "near_amount",
        "near_side",
    ),
    "consistency": (
        "sex",
        "age",
        "organs",
        "modality",
        "body_part",
        "findings",
        "sides",
        "normal",
        "rest_said",
        "rest_denied",
    ),
}
NUMBERS: Final = tuple(name for names in WITNESSES.values() for name in names)
_MOST_UNSAID = 16
_LEAST_MISSING = 0.02  # probability below which a finding is not missed


@dataclass(frozen=True, slots=True)
class Told:
    """One statement: its place in :attr:`Claims.statements`; log ratios against the base rate of what the image and the
    neighbours say of it (NaN: not known), of its side likewise, and what the ``rest`` of the report does; whether another
    statement contradicts it."""

    place: int
    concept: str
    expected: float
    near: float
    side: float
    near_side: float
    rest: float
    contradicted: bool

    def numbers(self) -> list[float]:
        return [self.expected, self.near, self.side, self.near_side, self.rest, -1.0 if self.contradicted else 0.0]


@dataclass(frozen=True, slots=True)
class Unsaid:
    """A finding that the report does not mention. ``probability`` by the image, ``share`` of the neighbours, ``base``:
    the archive's."""

    concept: str
    probability: float
    share: float
    base: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """``numbers``: by the names of :data:`NUMBERS`. ``told``: statements of this examination; ``unsaid``: most missed first."""

    numbers: dict[str, float]
    told: tuple[Told, ...]
    unsaid: tuple[Unsaid, ...]
    checks: tuple[Checked, ...] = field(default=())

    def row(self) -> list[float]:
        return [self.numbers.get(name, math.nan) for name in NUMBERS]

    def known(self, witness: str) -> bool:
        """Whether this witness says anything at all."""
        if witness == "consistency":
            return any(one.outcome is not Outcome.UNKNOWN for one in self.checks)
        if witness in ("statements", "neighbours") and not self.told:
            return False  # a text that states nothing leaves everything unsaid
        return any(math.isfinite(self.numbers.get(name, math.nan)) for name in WITNESSES[witness])


def evidence(
    claims: Claims,
    checks: tuple[Checked, ...],
    targets: Targets,
    base: Floats,
    seen: Seen,
    near: Near,
    row: int,
    rest: Floats,
    rest_base: Floats,
    *,
    crowd: float,
    pair: float,
    classes: float = math.nan,
) -> Evidence:
    """Of the case in ``row`` of ``seen`` and ``near``. ``base``: [columns]; ``rest``, ``rest_base``: [findings] probability
    by what else the report asserts, and by nothing."""
    place = {name: number for number, name in enumerate(targets.findings)}
    probability: list[float] = seen.probability[row].tolist()
    share: list[float] = near.share[row, : len(place)].tolist()
    usual: list[float] = base.tolist()
    left, near_left = float(seen.left[row]), float(near.left[row])
    contradicted = {n for one in checks if one.outcome is Outcome.CONTRADICTS for n in one.statements}
    told = []
    for number, one in enumerate(claims.statements):
        if not is_of_now(one) or one.polarity is Polarity.UNCERTAIN:
            continue
        column = _column(one.finding, place)
        if column is None:
            by_image = by_near = by_rest = math.nan
        else:
            asserted = one.polarity is Polarity.PRESENT
            by_image = _ratio(probability[column], usual[column], asserted)
            by_near = _ratio(share[column], usual[column], asserted)
            by_rest = _ratio(float(rest[column]), float(rest_base[column]), asserted)
        sided = one.side in (Side.LEFT, Side.RIGHT) and one.polarity is Polarity.PRESENT
        told.append(
            Told(
                number,
                one.finding,
                by_image,
                by_near,
                _side_ratio(left, one.side) if sided else math.nan,
                _side_ratio(near_left, one.side) if sided else math.nan,
                by_rest,
                number in contradicted,
            )
        )
    unsaid = _unsaid(claims, targets, probability, share, usual)
    numbers = {
        "pair": pair,
        "crowd": crowd if claims.statements or claims.named else math.nan,
        "classes": classes,
        **_of_statements(told, claims),
        **_of_unsaid(unsaid),
        **_amounts(claims, targets, probability, share, usual),
        "side": _least([one.side for one in told]),
        "near_side": _least([one.near_side for one in told]),
        **{one.check.value: _NUMBER[one.outcome] for one in checks},
    }
    for name in (Check.FINDINGS, Check.SIDES, Check.NORMAL):  # that nothing clashes is no evidence
        numbers[name.value] = min(0.0, numbers.get(name.value, 0.0))
    return Evidence(numbers, tuple(told), tuple(unsaid[:_MOST_UNSAID]), checks)


_NUMBER = {Outcome.AGREES: 1.0, Outcome.CONTRADICTS: -1.0, Outcome.UNKNOWN: 0.0}


def _column(concept: str, place: dict[str, int]) -> int | None:
    """Of the concept, else of the nearest broader one that is known."""
    if concept in place:
        return place[concept]
    from caseindex.reports.lexicon import load_lexicon

    return next((place[name] for name in load_lexicon().ancestors(concept) if name in place), None)


def _ratio(probability: float, base: float, asserted: bool) -> float:
    """Log of how much likelier than usual the claim is."""
    p, b = (probability, base) if asserted else (1 - probability, 1 - base)
    return min(max(math.log(max(p, 1e-3) / max(b, 1e-3)), -_MOST), _MOST)


def _side_ratio(left: float, side: Side | None) -> float:
    if not math.isfinite(left):
        return math.nan
    return math.log(max(2 * (left if side is Side.LEFT else 1 - left), 1e-2))


def _of_statements(told: list[Told], claims: Claims) -> dict[str, float]:
    asserted = [one for one in told if claims.statements[one.place].polarity is Polarity.PRESENT]
    denied = [one for one in told if claims.statements[one.place].polarity is Polarity.ABSENT]
    return {
        "said_least": _least([one.expected for one in asserted]),
        "said_mean": _mean([one.expected for one in asserted]),
        "denied_least": _least([one.expected for one in denied]),
        "near_said_least": _least([one.near for one in asserted]),
        "near_said_mean": _mean([one.near for one in asserted]),
        "near_denied_least": _least([one.near for one in denied]),
        "rest_said": _least([one.rest for one in asserted]),
        "rest_denied": _least([one.rest for one in denied]),
    }


def _of_unsaid(unsaid: list[Unsaid]) -> dict[str, float]:
    by_image = [_ratio(one.probability, one.base, False) for one in unsaid]
    by_near = [_ratio(one.share, one.base, False) for one in unsaid]
    return {
        "missing_least": min(by_image, default=0.0),
        "missing_sum": max(-3 * _MOST, sum(by_image)),
        "near_missing_least": min(by_near, default=0.0),
    }


def _amounts(
    claims: Claims, targets: Targets, probability: list[float], share: list[float], base: list[float]
) -> dict[str, float]:
    """Whether a report that asserts something, or nothing, is what the image makes one expect."""
    column = targets.findings.index(NOTHING)
    nothing = not claims.present - UNTOLD
    return {
        "amount": _ratio(probability[column], base[column], nothing),
        "near_amount": _ratio(share[column], base[column], nothing),
    }


def _unsaid(
    claims: Claims, targets: Targets, probability: list[float], share: list[float], base: list[float]
) -> list[Unsaid]:
    """Findings that the report neither asserts, doubts nor says more vaguely, and that are likelier than usual."""
    from caseindex.reports.lexicon import load_lexicon

    lexicon = load_lexicon()
    asserted = {one.finding for one in claims.statements if one.polarity is not Polarity.ABSENT}
    vaguer = {narrower for name in asserted for narrower in lexicon.expand(name)}
    said = claims.present | claims.doubted | claims.absent | vaguer | UNTOLD | {NOTHING}
    found = [
        Unsaid(name, probability[column], share[column], base[column])
        for column, name in enumerate(targets.findings)
        if name not in said and probability[column] >= _LEAST_MISSING and probability[column] > base[column]
    ]
    return sorted(found, key=lambda one: _ratio(one.probability, one.base, False))


def _least(values: list[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return min(known) if known else math.nan


def _mean(values: list[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan
