"""A report with sentences taken out, replaced or put in; its sections and line breaks stay."""

from __future__ import annotations

from collections.abc import Mapping

from caseindex.records import Language
from caseindex.reports.text.sections import sections

_LAST = ("findings", "impression", "diagnosis", "body")  # sections that tell what was found
_SAYS = {  # as a rule of each language's parser reads it, checked by whoever plants
    Language.ENGLISH: ("{name}.", "No {name}."),
    Language.RUSSIAN: ("{name}.", "{name}: не выявлено."),
    Language.CHINESE: ("{name}。", "未见{name}。"),
}


def sentence_about(name: str, language: Language, *, present: bool) -> str:
    """A sentence that asserts or denies the finding called ``name``.

    >>> sentence_about("pleural effusion", Language.ENGLISH, present=False)
    'No pleural effusion.'
    """
    asserted, denied = _SAYS[language]
    sentence = (asserted if present else denied).format(name=name)
    return sentence[:1].upper() + sentence[1:]


def with_spans(text: str, changes: Mapping[tuple[int, int], str]) -> str:
    """``text`` with each span (of a sentence) replaced; the empty text takes the sentence and one blank out."""
    parts, position = [], 0
    for (start, end), sentence in sorted(changes.items()):
        if start < position:
            continue
        parts.append(text[position:start] + sentence)
        position = end
        if not sentence and text[position : position + 1] == " ":
            position += 1
    return "".join(parts) + text[position:]


def with_sentence(text: str, sentence: str) -> str:
    """``text`` with ``sentence`` at the end of each section that tells what was found; of the last section where none is named so."""
    found = sections(text)
    ends = [part.end for part in found if part.name in _LAST] or [len(text.rstrip())]
    for end in sorted(ends, reverse=True):
        glue = "" if text[end - 1 : end] in "。\n" else " " if text[end - 1 : end] in ".!?;" else ". "
        text = text[:end] + glue + sentence + text[end:]
    return text
