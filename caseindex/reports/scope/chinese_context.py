"""Chinese mentions that only go on about another one of their sentence: the end of its name, its grade, the same fluid, how dense
or of what kind it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from caseindex.reports.lexicon import Lexicon, Mention

_WHITE_MATTER = frozenset("signal_hyperintensity white_matter_lesion small_vessel_disease ischemic_change".split())
_NOT_SO = re.compile("(?<![而并除是])非$")  # "非梗阻性肾结石"
_OF_A_LESION = re.compile("[瘤肿癌]$")  # "左肾错构瘤破裂"
_DENSITY = re.compile("密度(?:减低|降低|增高)")  # "血肿吸收期，密度减低"
_DESCRIBED = frozenset("lesion hematoma brain_hemorrhage intracranial_hemorrhage sdh edh".split())
_CALLS = re.compile("(?:考虑|符合|提示|系|为|倾向于?|疑)[^，。；]{0,4}$")
_OLDER = re.compile(".*(?:病变|灶|改变)")  # "右肺尖条索影，考虑陈旧性病变"


def in_context(here: Sequence[Mention], text: str, start: int, lexicon: Lexicon) -> list[Mention]:
    """The mentions ``here`` of a sentence ``text``, which begins at ``start`` of its report, without those that add
    nothing. A grade of Fazekas says of a signal that it is one of the white matter."""
    found: list[Mention] = []
    for mention in here:
        before = text[: mention.start - start]
        if (
            _NOT_SO.search(before)
            or (mention.concept == "free_fluid" and _is_ascites_too(mention, here))
            or (mention.text.startswith("Fazekas") and _grades(mention, here))
            or (found and _goes_on(found[-1], mention, lexicon))
            or (any(other.concept in lexicon.stated for other in found) and _only_describes(found[-1], mention, before))
        ):
            continue
        if mention.concept.endswith("_laceration") and _ruptures(found, mention, before, lexicon):
            mention = mention._replace(concept="rupture")
        if "Fazekas" in text and mention.concept in _WHITE_MATTER:
            mention = mention._replace(concept="small_vessel_disease")
        found.append(mention)
    return found


def _goes_on(before: Mention, mention: Mention, lexicon: Lexicon) -> bool:
    """Whether a word right behind a finding only ends its name: "椎体陈旧性压缩|骨折", "腹膜转移|癌", "腹膜后多发淋巴结|肿大"."""
    if mention.start != before.end:
        return False
    ends_nodes = mention.concept == "enlargement" and before.concept in lexicon.expand("lymphadenopathy")
    return ends_nodes or mention.concept in lexicon.ancestors(before.concept)


def _is_ascites_too(mention: Mention, here: Sequence[Mention]) -> bool:
    """Whether the same fluid is named for the abdomen as well: "腹腔、盆腔未见积液"."""
    return any(other.concept == "ascites" and other.start == mention.start for other in here)


def _grades(mention: Mention, here: Sequence[Mention]) -> bool:
    """Whether a grade is one of lesions that the sentence names: "白质多发高信号，Fazekas 2级"."""
    return any(other is not mention and other.concept in _WHITE_MATTER for other in here)


def _ruptures(found: Sequence[Mention], mention: Mention, before: str, lexicon: Lexicon) -> bool:
    """Whether what is torn is a lesion and not its organ: "左肾错构瘤破裂", "右肾动脉瘤，未见破裂"."""
    if not mention.text.startswith("破裂"):
        return False
    lesions = ("aneurysm", "tumor", "cyst")
    named = any(other.concept in lexicon.expand(lesion) for other in found for lesion in lesions)
    return named or _OF_A_LESION.search(before) is not None


def _only_describes(last: Mention, mention: Mention, before: str) -> bool:
    """Whether a mention tells how dense, or of what kind, the finding before it is."""
    if mention.concept == "lesion":
        return _OLDER.fullmatch(mention.text) is not None and _CALLS.search(before) is not None
    return last.concept in _DESCRIBED and _DENSITY.fullmatch(mention.text) is not None
