"""What a clause leaves unsaid: "плевральный выпот слева, справа не определяется" also denies an effusion on the right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from caseindex.records import Change, Language, Side
from caseindex.reports.scope.changes import find_changes

_OTHER_SIDE = {
    Language.ENGLISH: re.compile(
        r"[,;]?\s*\b(?:but |and )?(?:none|not|absent) (?:is |seen )?(?:on|in|at) the (?:(?P<left>left)|(?P<right>right))"
        r"|[,;]\s*(?:the )?(?:(?P<_left>left)|(?P<_right>right))(?: side| one)?(?: is)? (?:spared|uninvolved|not involved|unaffected|negative|clear|free)(?=\s*[.,;]|$)"
        # "thrombus in the left popliteal vein; contralateral leg negative"
        r"|[,;]\s*(?:the )?(?P<both>contralateral|opposite|other)(?: side| leg| limb| lung| hip| knee| one)?(?: is| was)? (?:spared|uninvolved|not involved|unaffected|negative|clear|free)(?=\s*[.,;]|$)",
        re.IGNORECASE,
    ),
    Language.RUSSIAN: re.compile(
        r"[,;]\s*(?:а\s+)?(?:(?P<left>слева|лев(?:ая|ый|ое)(?=\s*[-–—]))|(?P<right>справа|прав(?:ая|ый|ое)(?=\s*[-–—])))\s*(?:[-–—]\s*)?"
        r"(?:не\s+(?:определя|выявл|визуализир|отмеч|обнаруж|расширен|увеличен|утолщен|наблюда|прослежива|получен)\w*|нет|отсутствует|свободн[аоы]|исчез(?:л[аои])?|регрессировал[аои]?|разрешил(?:ся|ась|ись|ось)|рассосал(?:ся|ась|ись|ось))\s*(?=[.,;]|$)",
        re.IGNORECASE,
    ),
    Language.CHINESE: re.compile(
        r"[，,；;](?:而|但)?(?:(?P<left>左侧?)|(?P<right>右侧?)|(?P<both>对侧))"
        r"(?:(?:未见|无)(?:明显|确切)?(?:(?:类似|相似|同样)(?:改变|表现|病变|征象|异常|病灶|发现|所见|情况|阴影)?)?|(?:者?已|均已|者?现已|基本|完全|大致|者)*(?:消失|吸收|复位))"
        r"(?=[。，,；;]|$)"
    ),
}

# "hydronephrosis on the left; right side non-dilated", "left DVT, right side patent": of what is wide, and of what is blocked
_CALIBRE = re.compile(
    r"[,;]\s*(?:the )?(?:(?P<left>left)|(?P<right>right)) (?:side|kidney|collecting system|ureter|leg|one|veins?)(?: (?:is|are))?"
    r" (?:non-?dilated|undilated|not dilated|patent|compressible)(?=\s*[.,;]|$)",
    re.IGNORECASE,
)
_OF_CALIBRE = re.compile("hydro(?:nephro|ureter)|dilat|ectasis|DVT|thromb|calicectasis|clot", re.IGNORECASE)


# "гонартроз справа 2 ст., слева 1 ст."
_GRADED = re.compile(
    r"[,;]\s*(?:а\s+)?(?:в\s+|на\s+)?(?:(?P<left>слева|лев(?:ого|ой|ом|ый|ая|ое|осторонн\w+)(?:\s[а-яё]+(?=\s*[-–—]))?)|(?P<right>справа|прав(?:ого|ой|ом|ый|ая|ое|осторонн\w+)(?:\s[а-яё]+(?=\s*[-–—]))?))\s*(?:(?:[-–—]|до|слоем|толщиной|размер(?:ом|ами)|диаметром|около|осумкован\w*|об[ъь]емом|шириной)\s*){0,3}(?:\d+|[IVХ]+)(?:[-–.,хx]\d+)*\s*(?:-?[йя]\s+)?"
    r"(?:%|(?:ст|степен|мм|см|мл|балл|стади)[а-яё]*\.?)\s*(?=[.,;(]|$|с\s)"
    # ", контралатерально до 40%"
    r"|[,;]\s*(?:а\s+)?(?P<both>контр?алатерально|с (?:противоположной|другой) стороны|на противоположной стороне)\s*(?:[-–—]\s*)?(?:до\s+)?(?:\d+|[IVХ]+)(?:[-–.,]\d+)?\s*"
    r"(?:%|(?:ст|степен|мм|см|мл|балл|стади)[а-яё]*\.?)\s*(?=[.,;(]|$)"
    # ", I-II ст. слева", ", справа без динамики"
    r"|[,;]\s*(?:а\s+)?(?:\d|[IVХ]+)(?:[-–]\d|[-–][IVХ]+)?\s*(?:ст|степен)[а-яё]*\.?\s+(?:(?P<_left>слева)|(?P<_right>справа))\s*(?=[.,;(]|$)"
    r"|[,;]\s*(?:а\s+)?(?:(?P<__left>слева)|(?P<__right>справа))\s*(?:[-–—]\s*)?(?:без (?:\w+ )?динамики|прежн\w+(?: размер\w+)?"
    r"|(?:сохраня|увеличил|увелич|нарос|нараста|уменьшил|прогрессир)\w+|(?:мень|боль)ш\w+ размер\w+|(?:менее|более) выражен\w*|(?:следы|незначительн\w+|минимальн\w+|небольш\w+)(?: количеств\w+)?)\s*(?=[.,;(]|$)"
    r"|[,;]\s*(?:а\s+)?(?:(?P<___left>слева)|(?P<___right>справа))\s*(?:[-–—]\s*)?(?:вновь |впервые )?появил\w+ нов(?:ый|ая|ое|ые)\b",
    re.IGNORECASE,
)


# "右侧大量胸腔积液，左侧少量", "骶髂关节炎（左Ⅱ级，右Ⅲ级）", "左侧硬膜下血肿已吸收，右侧同前"
_CHINESE_GRADED = re.compile(
    r"[，,、](?:而|但)?(?:(?P<left>左)|(?P<right>右))(?:侧|者)?(?:约|为|呈|则?仅?为?|仍?可?见|仍?有|较)?"
    r"(?:极?少量|微量|少许|中等?量|大量|极?轻度|中度|重度|轻微|[轻重多少大小]|[0-9ⅠⅡⅢⅣIV一二三四]+[级期度型]|\d+(?:\.\d+)?(?:[x×*]\d+(?:\.\d+)?)?(?:%|mm|cm|ml)"
    r"|同前|如前|(?:较前)?(?:大致|基本)?(?:相仿|无(?:明显)?变化|变化不大)|仍?存在|未吸收|较前(?:略|稍|明显)?(?:增多|增大|加重|减少|缩小|减轻|好转|吸收))+"
    r"(?:[（(][^）)]*[）)])?(?=[。，,；;）)（(]|$)"
)


# "a right pleural effusion and a small left one", "контузионный очаг справа, аналогичный слева", "右侧见结节，左侧亦见类似结节"
_ANOTHER = {
    Language.ENGLISH: re.compile(
        r"\b(?:and|with|,)\s+(?:also\s+)?(?:a|an|another)\s+(?:[\w-]+\s+){0,2}(?:(?P<left>left)|(?P<right>right))(?:-sided)? one\b"
        # ", and early involvement of the contralateral side", ", similar changes on the right"
        r"|(?:,|\band|\bwith)\s+(?:[\w-]+\s+){0,3}(?:involvement|changes?|appearances?|findings?|features)\s+(?:of|on|in|at) (?:the )?(?:(?P<both>contralateral|opposite|other)|(?P<_left>left)|(?P<_right>right))(?: side| hip| knee| shoulder| one)?(?=\s*[.,;(]|$)"
        r"|[,;] (?:and )?(?:the )?(?:similar(?:ly)?|likewise|the same|also)(?: but \w+)? (?:on|in|at) the (?:(?P<__left>left)|(?P<__right>right)|(?P<_both>other|contralateral|opposite))(?: side)?(?=\s*[.,;(]|$)",
        re.IGNORECASE,
    ),
    Language.RUSSIAN: re.compile(
        r"[,;]\s*(?:а\s+)?(?:(?P<_left>слева)|(?P<_right>справа))\s*(?:(?:в|на)\s+[\w-]+\s+)?(?:[-–—]\s*)?(?:впервые\s+|вновь\s+)?(?:появил|тоже|также|аналогич|подобн|минимальн|такой же|такая же|такое же|такие же)\w*\s*(?=[.,;(]|$)"
        # ", в левом аналогичные изменения"
        r"|[,;]\s*(?:а\s+)?(?:в|на)\s+(?:(?P<__left>лев)|(?P<__right>прав))(?:ой|ом)\s*(?:[а-яё]+\s*)?(?:[-–—]\s*)?(?:аналогичн|подобн|сходн|тоже|также|то же|единичн\w*\s*(?=[.,;(]|$)|множественн\w*\s*(?=[.,;(]|$))"
        # "правосторонний гидроторакс, небольшой слева"
        r"|[,;]\s*(?:и\s+)?(?:небольш|минимальн|меньш|незначительн|мал)(?:ой|ый|ая|ое|ий)\s+(?:(?P<____left>слева)|(?P<____right>справа))\s*(?=[.,;(]|$)"
        # ", аналогичный в левой доле"
        r"|[,;]\s*(?:аналогичн|подобн|так(?:ой|ая|ое|ие)|сходн)\w*\s+(?:же\s+)?(?:в|на)\s+(?:(?P<___left>лев)|(?P<___right>прав))(?:ой|ом)\b"
        r"|[,;и]\s*(?:аналогичн|подобн|так(?:ой|ая|ое|ие)|сходн)\w*\s+(?:же\s+)?(?:[а-яё]+\s+){0,2}(?:(?P<left>слева)|(?P<right>справа))\b",
        re.IGNORECASE,
    ),
    Language.CHINESE: re.compile(
        r"[，,；;](?:而|但)?(?:(?P<left>左侧?)|(?P<right>右侧?)|(?P<both>对侧))[^，,。；;左右双]{0,8}?(?:亦|也|同样|同)"
        r"(?:(?:可?见|有|存在)(?:类似|相似|同样)|(?:可?见|有|存在|然|是|如此|类似|可见少许)(?=[。，,；;（(]|$))"
        r"|[，,；;](?:而|但)?(?:(?P<_left>左侧?)|(?P<_right>右侧?)|(?P<_both>对侧))[^，,。；;左右双与较]{0,6}?(?:情况|表现|改变|所见)?(?:与之)?(?:类似|相似|相同|相仿)(?=[。，,；;（(]|$)"
    ),
}


def repeated_sides(
    sentence: str, language: Language, mentions: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, Side]]:
    """(number of the mention, side) where a clause says that the mention before it is on the other side as well;
    ``BOTH`` for the side that this one is not on."""
    for _, number, side in _said_of(_ANOTHER[language], sentence, mentions):
        yield number, side


def graded_sides(
    sentence: str, language: Language, mentions: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, Side, Change | None]]:
    """(number of the mention, side, comparison) that a clause of a side and a degree says of the mention before it."""
    if language is Language.ENGLISH:
        return
    pattern = _GRADED if language is Language.RUSSIAN else _CHINESE_GRADED
    for clause, number, side in _said_of(pattern, sentence, mentions):
        changes = find_changes(clause, language)
        yield number, side, changes[0][2] if changes else None


def denied_sides(sentence: str, language: Language, mentions: Sequence[tuple[int, int]]) -> Iterator[tuple[int, Side]]:
    """(number of the mention, side) that a clause without a finding of its own denies of the mention before it;
    ``BOTH`` for the side that this one is not on."""
    for _, number, side in _said_of(_OTHER_SIDE[language], sentence, mentions):
        yield number, side
    if language is Language.ENGLISH:
        for _, number, side in _said_of(_CALIBRE, sentence, mentions):
            if _OF_CALIBRE.search(sentence, *mentions[number]):
                yield number, side


# "стеноз ВСА 70% за счет бляшки, слева 40%" grades the stenosis
_CAUSE = re.compile(r"\bза счет (?:[а-яё-]+\s+){0,2}$", re.IGNORECASE)


def _said_of(
    pattern: re.Pattern[str], sentence: str, mentions: Sequence[tuple[int, int]]
) -> Iterator[tuple[str, int, Side]]:
    """(clause, number of the mention before it, side) of the clauses that match. The group that matched is named for its
    side; a second one of the same side has a mark before its name."""
    for match in pattern.finditer(sentence):
        before = [
            (end, number)
            for number, (start, end) in enumerate(mentions)
            if end <= match.start() and not _CAUSE.search(sentence, 0, start)
        ]
        if before:
            yield match.group(), max(before)[1], Side((match.lastgroup or "").lstrip("_"))
