"""Report -> statements: which findings each sentence asserts, denies or doubts, on which side, where, and how changed."""

from __future__ import annotations

from bisect import bisect_right

from caseindex.records import Language, Polarity, Statement
from caseindex.reports.changes import change_of
from caseindex.reports.languages import detect
from caseindex.reports.laterality import find_sides, side_of
from caseindex.reports.lexicon import Mention, load_lexicon
from caseindex.reports.negation import Assessment, Sentence
from caseindex.reports.sections import sections
from caseindex.reports.sentences import sentences
from caseindex.reports.table import ConceptKind

_STATED = frozenset([ConceptKind.FINDING, ConceptKind.DEVICE])
# Names that hold a negation: "no abnormality", "патологии не выявлено".
_NORMAL = "normal"
_ASKED = frozenset(["indication", "differential"])  # sections that ask rather than tell
_PAST = frozenset(["history"])


def statements(text: str, language: Language | None = None) -> list[Statement]:
    """The statements of a report, sentence by sentence. ``language`` is detected where it is not given; a text in none
    of the three languages gives none.

    In the sections that ask (indication, differential diagnosis) or tell of the past (history), what would be present
    is uncertain. Statements about the past carry ``historical``.

    >>> [(s.finding, str(s.polarity)) for s in statements("Без признаков кровоизлияния. Инфаркт мозжечка справа.")]
    [('hemorrhage', 'absent'), ('cerebellar_infarct', 'present')]
    """
    language = language or detect(text)
    if language is None:
        return []
    lexicon = load_lexicon()
    mentions = lexicon.mentions(text, language)
    if not mentions:
        return []
    spans = [
        (part.start + start, part.start + end, part.name)
        for part in sections(text)
        for start, end in sentences(text[part.start : part.end])
    ]
    starts = [start for start, _, _ in spans]
    by_sentence: dict[int, list[Mention]] = {}
    for mention in mentions:
        number = bisect_right(starts, mention.start) - 1
        if number >= 0 and mention.start < spans[number][1]:  # else it stands in a header
            by_sentence.setdefault(number, []).append(mention)
    found: list[Statement] = []
    for number, here in by_sentence.items():
        start, end, section = spans[number]
        kinds = {mention: lexicon.concepts[mention.concept].kind for mention in here}
        stated = [mention for mention in here if kinds[mention] in _STATED]
        if not stated:
            continue
        places = [mention for mention in here if kinds[mention] is ConceptKind.ANATOMY]
        sentence = Sentence(text[start:end], language)
        sides = find_sides(sentence.text, language)
        for mention in stated:
            a, b = mention.start - start, min(mention.end, end) - start
            judged = _in_section(sentence.assess(a, b, named_normal=mention.concept == _NORMAL), section)
            if judged.historical and judged.polarity is Polarity.UNCERTAIN and kinds[mention] is ConceptKind.DEVICE:
                judged = Assessment(Polarity.PRESENT)  # "pacemaker, status post implantation": it is in place
            others = [(other.start - start, other.end - start) for other in stated if other is not mention]
            found.append(
                Statement(
                    text=sentence.text,
                    finding=mention.concept,
                    polarity=judged.polarity,
                    side=None if mention.concept == _NORMAL else side_of(sentence.text, a, b, sides, others),
                    place=_place(mention, places),
                    change=change_of(sentence.text, a, b, language),
                    section=section,
                    start=start,
                    end=end,
                    historical=judged.historical,
                )
            )
    return found


def _in_section(judged: Assessment, section: str | None) -> Assessment:
    if judged.polarity is not Polarity.PRESENT:
        return judged
    if section in _PAST:
        return Assessment(Polarity.UNCERTAIN, historical=True)
    return Assessment(Polarity.UNCERTAIN) if section in _ASKED else judged


def _place(mention: Mention, places: list[Mention]) -> str | None:
    """The anatomy nearest to the mention in its sentence."""
    if not places:
        return None
    nearest = min(places, key=lambda place: max(place.start - mention.end, mention.start - place.end, 0))
    return nearest.concept
