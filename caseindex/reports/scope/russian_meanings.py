"""What a Russian word means by the words around it: ``data/meanings_ru.tsv``."""

from __future__ import annotations

from collections.abc import Sequence

from caseindex.records import Language
from caseindex.reports.lexicon import Mention
from caseindex.reports.scope.meanings_table import findings_with_meanings, meant_beside

_REACH = 400  # characters back that tell what is meant


def as_meant_here(mentions: Sequence[Mention], report: str, end: int) -> Sequence[Mention]:
    """The mentions of a Russian sentence, which ends at ``end``, each with the concept that its words mean there; what stands
    before a semicolon tells as well."""
    if findings_with_meanings(Language.RUSSIAN).isdisjoint(mention.concept for mention in mentions):
        return mentions
    begin = max(report.rfind(mark, max(0, end - _REACH), mentions[0].start) for mark in (". ", "\n"))
    told = report[begin + 1 if begin >= 0 else max(0, end - _REACH) : end]
    return [mention._replace(concept=meant_beside(mention, told, Language.RUSSIAN)) for mention in mentions]
