"""Which mentions of a sentence state a finding, and which statements only repeat another: what each language does for that."""

from __future__ import annotations

import re
from collections.abc import Sequence

from caseindex.records import Language, Statement
from caseindex.reports.lexicon import Lexicon, Mention
from caseindex.reports.scope.chinese_context import in_context
from caseindex.reports.scope.chinese_operations import stated_mentions
from caseindex.reports.scope.chinese_signs import without_signs
from caseindex.reports.scope.english_company import in_company
from caseindex.reports.scope.english_repeats import repeats
from caseindex.reports.scope.english_signs import described_only
from caseindex.reports.scope.judgement import is_category
from caseindex.reports.scope.russian_details import is_detail
from caseindex.reports.scope.russian_meanings import as_meant_here

_OPERATION = re.compile(r"(?:ectomy|Whipple\b.*|Hartmann\b.*|anterior resection|TURP|TURBT)$", re.IGNORECASE)


def understood(
    here: Sequence[Mention], whole: str, sentence: str, start: int, language: Language, lexicon: Lexicon
) -> tuple[Sequence[Mention], list[Mention]]:
    """(all mentions of a sentence as they are meant there, those of them that state something). ``start``: where the sentence
    begins in its report, which is ``whole``."""
    if language is Language.CHINESE:
        here = in_context(here, sentence, start, lexicon)
        return here, stated_mentions(here, sentence, start, lexicon)
    if language is Language.ENGLISH:
        here = in_company(here, sentence, start)
        return here, [mention for mention in here if mention.concept in lexicon.stated or _is_operation(mention)]
    here = as_meant_here(here, whole, start + len(sentence))
    return here, [mention for mention in here if mention.concept in lexicon.stated]


def adds_nothing(
    mention: Mention, stated: Sequence[Mention], sentence: str, begin: int, language: Language, lexicon: Lexicon
) -> bool:
    """Whether one of the ``stated`` mentions only tells more of another. ``begin``: where it stands in the sentence."""
    if language is Language.RUSSIAN and is_detail(mention, stated, sentence, begin, lexicon):
        return True
    if language is Language.ENGLISH and repeats(mention, stated, sentence, begin, lexicon):
        return True
    return _only_grades(mention, stated, language)


def settled(
    found: list[Statement], names: Sequence[str], language: Language
) -> tuple[list[Statement], list[Statement]]:
    """(the statements of a sentence, those of them that only describe another one and go when nothing refers to them any
    more). ``names``: the words that each was found by."""
    if len(found) > 1 and language is Language.CHINESE:
        return without_signs(found, names), []
    if len(found) > 1 and language is Language.ENGLISH:
        return found, [found[number] for number in described_only(found, names)]
    if len(found) > 1 and language is Language.RUSSIAN:
        return found, _fluid_told_twice(found)
    return found, []


def _fluid_told_twice(found: Sequence[Statement]) -> list[Statement]:
    """Free fluid that was found in two places of the belly: "жидкость в кармане Моррисона и малом тазу"."""
    told = {made.polarity for made in found if made.finding == "ascites"}
    return [made for made in found if made.finding == "free_fluid" and made.polarity in told]


def _is_operation(mention: Mention) -> bool:
    """Whether an English mention names the operation that was done: "status post hemicolectomy"."""
    return mention.concept == "postoperative" and _OPERATION.search(mention.text) is not None


def _only_grades(mention: Mention, stated: Sequence[Mention], language: Language) -> bool:
    """Whether a category only grades what a sentence names: "甲状腺结节，TI-RADS 3类", "LI-RADS 5 (HCC)"; "BI-RADS 5" alone
    is a suspicion."""
    if not is_category(mention) or not mention.text.isascii():
        return False
    graded = language is Language.CHINESE and mention.text[-1] not in "56"
    return graded or sum(other.concept == mention.concept for other in stated) > 1
