"""Report -> statements: which findings each sentence asserts, denies or doubts, on which side, where, and how changed."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace

from caseindex.records import Change, Language, Polarity, Statement
from caseindex.reports.lexicon import Lexicon, Mention, load_lexicon
from caseindex.reports.names.two_in_one import second_finding
from caseindex.reports.scope.changes import change_of, find_changes, is_comparison
from caseindex.reports.scope.chinese_operations import cured_cancer, is_still_there
from caseindex.reports.scope.judgement import judge
from caseindex.reports.scope.negation import Assessment, Sentence
from caseindex.reports.scope.places import place_of
from caseindex.reports.scope.stated import adds_nothing, settled, understood
from caseindex.reports.sides.sentence_sides import SentenceSides
from caseindex.reports.text import chinese
from caseindex.reports.text.languages import detect
from caseindex.reports.text.sections import sections
from caseindex.reports.text.sentences import sentences
from caseindex.reports.text.slips import chinese_slips, russian_slips
from caseindex.reports.text.tokens import repaired_text
from caseindex.reports.unsaid import Said, with_unsaid

_OF_ILLNESS = re.compile("病情|疾病|疗效")  # "病灶增大，提示病情进展": a finding of its own


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
    plain = _repaired(text, language)
    mentions = lexicon.mentions(plain, language)
    if not mentions:
        return []
    spans = [
        (part.start + start, part.start + end, part.name)
        for part in sections(plain)
        for start, end in sentences(plain[part.start : part.end])
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
        found += _of_sentence(plain, text[start:end], start, section, here, language, lexicon)
    return found


def _repaired(text: str, language: Language) -> str:
    """The text with its slips of the keyboard and the scanner put right; every offset stays."""
    if language is Language.RUSSIAN:
        return russian_slips(repaired_text(text))
    return chinese_slips(chinese.simplified(text)) if language is Language.CHINESE else text


def _of_sentence(
    whole: str, text: str, start: int, section: str, here: Sequence[Mention], language: Language, lexicon: Lexicon
) -> list[Statement]:
    """The statements of one sentence; ``text`` is how it is written, ``whole`` the repaired report, ``start`` its place."""
    plain = whole[start : start + len(text)]
    here, stated = understood(here, whole, plain, start, language, lexicon)
    if not stated:
        return []
    places = [mention for mention in here if mention.concept in lexicon.anatomy]
    sentence = Sentence(plain, language)
    changes = find_changes(plain, language)
    spans = [(mention.start - start, min(mention.end - start, len(plain))) for mention in stated]
    sided = SentenceSides(whole, plain, start, language, stated, places, lexicon)
    found: list[Statement] = []
    names: list[str] = []  # what each was found by
    for mention, (a, b) in zip(stated, spans, strict=True):
        if adds_nothing(mention, stated, plain, a, language, lexicon):
            continue
        others = [span for span in spans if span != (a, b)] if len(stated) > 1 else ()
        if others and not _OF_ILLNESS.match(mention.text) and is_comparison(mention.concept, a, b, changes, language):
            continue  # "interval enlargement of the hematoma"
        judged = judge(mention, lexicon.concepts[mention.concept].kind, sentence, a, b, section)
        if language is Language.CHINESE and judged.historical and is_still_there(mention, plain, b, lexicon):
            judged = Assessment(Polarity.PRESENT)
        made = Statement(
            text=text,
            finding=mention.concept,
            polarity=judged.polarity,
            side=sided.side(mention, a, b, others, judged),
            place=place_of(mention, places, whole, lexicon) if places else None,
            change=_told_change(change_of(plain, a, b, changes, others), judged) if changes else None,
            section=section,
            start=start,
            end=start + len(text),
            historical=judged.historical,
        )
        found += [made, *_beside(made, mention, language)]
        names += [mention.text] * (len(found) - len(names))
    found, repeats = settled(found, names, language)
    if sided.any:
        found = with_unsaid(found, Said(plain, start, language, stated, spans, places, changes, lexicon))
    for repeat in repeats:
        if repeat in found:
            found.remove(repeat)
    return found


def _beside(made: Statement, mention: Mention, language: Language) -> Iterator[Statement]:
    """What the words of a mention state beside ``made``."""
    other = second_finding(mention.concept, mention.text)
    if other:
        yield replace(made, finding=other)
    cured = cured_cancer(mention) if language is Language.CHINESE else None
    if cured:
        yield replace(made, finding=cured, polarity=Polarity.UNCERTAIN, historical=True)


def _told_change(change: Change | None, judged: Assessment) -> Change | None:
    """What is not there is neither worse nor unchanged: "aneurysm has grown, no rupture"."""
    return None if judged.polarity is Polarity.ABSENT and change in (Change.WORSE, Change.UNCHANGED) else change
