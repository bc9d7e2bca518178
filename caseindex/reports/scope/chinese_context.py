"""Chinese mentions that only go on about another one of their sentence: the end of its name, its grade, the same fluid, what
kind of lesion it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from caseindex.reports.lexicon import Lexicon, Mention

_WHITE_MATTER = frozenset("signal_hyperintensity white_matter_lesion small_vessel_disease ischemic_change".split())
_NOT_SO = re.compile("(?<![而并除是])非$")  # "非梗阻性肾结石"
_OF_A_LESION = re.compile("[瘤肿癌]$")  # "左肾错构瘤破裂"
_CALLS = re.compile("(?:考虑|符合|提示|系|为|倾向于?|疑)[^，。；]{0,4}$")
_OLDER = re.compile(".*(?:病变|灶|改变)")


def in_context(here: Sequence[Mention], text: str, start: int, lexicon: Lexicon) -> list[Mention]:
    """The mentions ``here`` of a sentence ``text``, which begins at ``start`` of its report, without those that add
    nothing."""
    found: list[Mention] = []
    stated = False
    others = [mention.concept for mention in here]
    for mention in here:
        concept = mention.concept
        if _NOT_SO.search(text, 0, mention.start - start):
            continue
        if concept.endswith("_laceration") and _OF_A_LESION.search(text, 0, mention.start - start):
            continue
        if found and mention.start == found[-1].end and _goes_on(found[-1].concept, concept, lexicon):
            continue
        if concept == "free_fluid" and _is_ascites_too(mention, here):
            continue
        if "Fazekas" in text and concept in _WHITE_MATTER:
            if mention.text.startswith("Fazekas") and not _WHITE_MATTER.isdisjoint(others):
                continue  # it only grades the lesions: "白质多发高信号，Fazekas 2级"
            concept = "small_vessel_disease"
        if concept == "lesion" and stated and _is_repeated(mention, text, start):
            continue
        stated = stated or concept in lexicon.stated
        found.append(mention._replace(concept=concept) if concept != mention.concept else mention)
    return found


def _goes_on(before: str, concept: str, lexicon: Lexicon) -> bool:
    """Whether a word right behind a finding only ends its name: "椎体陈旧性压缩|骨折", "腹膜转移|癌", "腹膜后多发淋巴结|肿大"."""
    ends_nodes = concept == "enlargement" and before in lexicon.expand("lymphadenopathy")
    return ends_nodes or concept in lexicon.ancestors(before)


def _is_ascites_too(mention: Mention, here: Sequence[Mention]) -> bool:
    """Whether the same fluid is named for the abdomen as well: "腹腔、盆腔未见积液"."""
    return any(other.concept == "ascites" and other.start == mention.start for other in here)


def _is_repeated(mention: Mention, text: str, start: int) -> bool:
    """Whether "lesion" only says of what kind the finding before is: "右肺尖条索影，考虑陈旧性病变"."""
    return _OLDER.fullmatch(mention.text) is not None and _CALLS.search(text, 0, mention.start - start) is not None
