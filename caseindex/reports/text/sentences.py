"""Sentences of a report, safe for abbreviations, decimal numbers, list numbers and wrapped lines."""

from __future__ import annotations

import re
from functools import lru_cache

# A full stop after one of these ends no sentence.
_ABBREVIATIONS = frozenset(
    "диф дифф подозр вероятн г гг см мм мл ст т др пр ул рис табл напр лат им проф д-р в/к п обл отд м-ца нед сут мин сек ок ср см.рис ед лев прав т.ч т.к т.е т.н сост сегм преим рентг макс толщ шир соотв перен"
    " dr mr mrs ms prof vs approx e.g i.e eg ie fig no nos st inc al ca cf wk yr yrs".split()
)
# Nor after one of these where a small letter or a number follows: "neg. for malignancy".
_SHORT = frozenset(
    "neg pos dev bilat lat ant sup inf susp poss prob mod mult assoc incl resp prox dist rt lt abn min max diam approx hx c/w vert pl".split()
)
# Each begins with one character of a few, which `re` finds quickly; what must stand before it is asked afterwards.
_BOUNDARY = re.compile(
    r"[.!?。！？；; \n](?:(?<=[.!?])[.!?]*(?=[\s\"')\]»]|$)|(?<=[a-zа-яё]{3}\.)(?=[A-ZА-ЯЁ])|(?<=[。！？；;])[。！？；;]*"
    r"|(?<=[\u4e00-\u9fff）)] ) *(?=\d{1,2}[.、．] ?[\u4e00-\u9fff])|(?<=[^\s(] )(?=[1-9]\d?\) ?[^\W\d_])|(?<=\n)(?:[ \t]*\n\s*)?)"  # "右肺肺炎 2.左侧积液"
)
_BULLET = re.compile(r"\s*(?:[-–—•*·]|\d{1,2}[.)、]|[（(]?\d{1,2}[)）])\s*\S")
_GOES_ON = re.compile(r"\)? (?:\d|[a-zа-яё]|[(])")
_ASKS_ON = re.compile("[^，,。；;：:？?\n]{2,14}(?:[？?]|待排|待查|不除外)")
_ONE_MORE = re.compile(
    r" (?:(?:the|an?|another) )?(?:[\w-]+ ){0,2}(?:left|right)(?:-sided)? one\b"
    # "bilateral effusions; the left has enlarged", "left hydronephrosis; right side undilated"
    r"| the (?:left|right) (?:is|has|was|remains?|unchanged|stable|gone|resolved|larger|smaller|improved|worse)\b"
    r"| (?:the )?(?:left|right) (?:side|kidney|collecting system|leg|limb|veins?) (?:is |are )?(?:non-?dilated|undilated|not dilated|patent|compressible)\b"
    # "thrombus in the left popliteal vein; contralateral leg negative"
    r"| (?:the )?(?:contralateral|opposite|other) (?:side|leg|limb|lung|hip|knee|one) (?:is |was )?(?:negative|clear|spared|uninvolved|unaffected)\b"
    r"| (?:[LR]|left|right):? [<>~]?\d",
    re.IGNORECASE,
)
_ITEM = re.compile(r"([1-9]\d?)\) ?[^\W\d_]")  # "1) no acute stroke 2) chronic infarct 3) sinusitis"
_LAST_WORD = re.compile(r"([^\s(\[«\"]+)$")
_LETTER = re.compile(r"[^\W_]")  # or a digit
_LONGEST_WORD = 40  # characters that a last word is looked for in


def sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence, without surrounding white space.

    >>> text = "Киста 1.5 см. Смещения нет"
    >>> [text[a:b] for a, b in sentences(text)]
    ['Киста 1.5 см.', 'Смещения нет']
    """
    return list(_split(text))


@lru_cache(maxsize=64)  # one report, and its sections, are split several times
def _split(text: str) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    start = 0
    for match in _BOUNDARY.finditer(text):
        end = match.end()
        if match.start() < start or not _ends(text, start, match):
            continue
        _append(found, text, start, end)
        start = end
    _append(found, text, start, len(text))
    return tuple(found)


def _ends(text: str, start: int, match: re.Match[str]) -> bool:
    mark = match.group()
    if mark == ";" and _ONE_MORE.match(text, match.end()):
        return False  # "the left one has resolved; the right one persists"
    if not _LETTER.search(text, start, match.start()):
        return False  # "? pneumonia"
    item = _ITEM.match(text, match.end()) if mark[0] == " " else None
    if item is not None:
        return f"{int(item[1]) - 1})" in text[start : match.start()]
    if mark == "？" and _ASKS_ON.match(text, match.end()):
        return False  # "左肾上腺嗜铬细胞瘤？腺瘤？"
    if mark == "?" and (_GOES_ON.match(text, match.end()) or text[match.start() - 1].isspace()):
        return False  # "микроаденома? 4 мм слева", "киста (?) почки", "chest pain, ? PE"
    if mark == "\n":  # a wrapped line goes on, a new item or a new capital after a finished line does not
        following = text[match.end() : match.end() + 40].lstrip(" \t")
        if not following or _BULLET.match(following):
            return True
        before = text[start : match.start()].rstrip()
        return not before or following[0].isupper() or before[-1] in ":：" or not following[0].isalpha()
    if mark == ".":
        word = _LAST_WORD.search(text, max(start, match.start() - _LONGEST_WORD), match.start())
        if word is None:
            return True
        last = word.group(1).lower()
        following = text[match.end() : match.end() + 12].lstrip()
        if last == "no" and not following[:1].isdigit():
            return True  # "Pneumothorax: No. Effusion: Yes."
        if last in _ABBREVIATIONS or (len(last) == 1 and last.isalpha()):
            # "2 см. Смещения нет" ends all the same: a capital letter follows a unit.
            return last in {"см", "мм", "мл", "г", "ст"} and following[:1].isupper()
        if last in _SHORT and (following[:1].islower() or following[:1].isdigit()):
            return False
        if last.isdigit() and len(last) <= 2 and not text[start : word.start()].strip():
            return False  # the number of a list item
    return True


def _append(found: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start and _LETTER.search(text, start, end):
        found.append((start, end))
