"""Whether a sentence asserts, denies or doubts a finding that it mentions.

Each cue (``cues.py``) has a reach within its sentence: from the cue to a terminator ("but", "кроме", "但"), to a clause
with a predicate of its own, or to the sentence's end; lists under one negation stay within it ("no pneumothorax, effusion
or consolidation"). Russian cases tell more: what "нет" and "без" deny beyond a comma stands in the genitive, so that in
"гематома справа, смещения нет" only the shift is denied. The nearest cue wins.

After NegEx (Chapman et al. 2001) and ConText (Harkema et al. 2009).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from caseindex.records import Language, Polarity
from caseindex.reports.scope import chinese_reach, english_clauses, english_doubts, genitive, russian_reach
from caseindex.reports.scope.alternatives import OR_BEFORE, is_alternative
from caseindex.reports.scope.cues import Cue, CueKind, find_cues
from caseindex.reports.scope.english_past import is_of_the_patient, past_is_over
from caseindex.reports.scope.own_negation import denied_by_name
from caseindex.reports.text.languages import detect
from caseindex.reports.text.sentences import sentences


class Assessment(NamedTuple):
    """``historical``: of the past or of the family, not of this examination; its polarity is then never PRESENT."""

    polarity: Polarity
    historical: bool = False


_PRESENT, _UNCERTAIN = Assessment(Polarity.PRESENT), Assessment(Polarity.UNCERTAIN)
_KEPT_IN_BRACKETS = {(CueKind.UNCERTAIN, Language.ENGLISH), (CueKind.NEGATION, Language.RUSSIAN)}
_BARE = re.compile(r"не\s+[а-яё]+\s*[.,;]?\s*", re.IGNORECASE)
_HISTORY = re.compile(r"анамне|history|hx|pmh|h/o|史|既往|曾", re.IGNORECASE)
# "размеры метастазов прежние, новых нет": a genitive, and yet it is there
_MEASURE_OF = re.compile(
    r"(?:размер|количеств|числ|объем|площад|толщин|плотност|структур|кол-в)\w*(?: и \w+)? (?:\w+ )?$"
    r"|\b(?:следы|полоска|прослойка|слой) (?:\w+ )?$",
    re.IGNORECASE,
)
_OWN_EVIDENCE = re.compile(r",[^,]*\b(?:данны[хе] за|(?<=[А-Я], )признак\w+)\b", re.IGNORECASE)
_WITHOUT = re.compile(r"\bwithout\b|\bбез\b", re.IGNORECASE)
_AFTER = re.compile(r"(?:состояние |картина |статус )?после", re.IGNORECASE)
# A doubt that can itself be denied: "no suspicious nodule", "участков, подозрительных на рак, нет", "未见可疑结节".
_DENIABLE_DOUBT = re.compile(r"suspicio|concerning|suggest|worrisome|подозр|可疑", re.IGNORECASE)
_NO_PAST = 12  # characters at most from "no" to "history of"
# "гидронефроз, описанный ранее, разрешился", "the effusion, seen previously, has resolved"
_TOLD_BEFORE = re.compile(
    r"[^,;]*,\s*(?:описанн|выявленн|отмеч|определявш|имевш|ранее|наблюдавш|подозрит|характерн|накаплив|заподозренн|предполаг|кроме"
    r"|(?:[а-яё]{1,3} )?котор|noted|seen|described|previously)[^,;]*,\s*(?:(?:при|по|на) [^,;]{2,30}|[а-яё]+ски )?",
    re.IGNORECASE,
)
_BLOCKS = frozenset([CueKind.STOP, CueKind.AFFIRM])
_ONLY_BOUNDS = frozenset([CueKind.STOP, CueKind.AFFIRM, CueKind.PSEUDO, CueKind.NOW])
_COMMA = re.compile("[,，]")
_ADJECTIVES = re.compile(  # "no acute, displaced fractures"
    r"\s*(?:(?:acute|displaced|definite|focal|significant|large|suspicious|new|convincing|discrete|evident),?\s+)+",
    re.IGNORECASE,
)
_HARD = re.compile(r"[;:；：]|\?\s|\s=\s|\s--?\s|\s[–—]\s")
_IN_BRACKETS = re.compile(r"\([^()]*\w[^()]*$")  # "рисунок усилен (бронхит?)": the mark is the bronchitis's only
_PLURAL = re.compile(r"(?:ются|ятся|утся|ены|ны|уют|ют)$", re.IGNORECASE)
_JOINED = re.compile(r"^[\s,]*(?:or|and|nor|и|или|либо|ни|а также|так и|as well as)\b", re.IGNORECASE)
_PREDICATE = {
    Language.ENGLISH: re.compile(
        r"\b(?:is|are|was|were|has|have|had|shows?|demonstrates?|reveals?|remains?|appears?|measures?|contains?"
        r"|there|this|these|unchanged|stable|again|in place|tip)\b",
        re.IGNORECASE,
    ),
    Language.RUSSIAN: re.compile(
        r"(?<!не )\b(?:[а-яё]+(?:ируется|ируются|яется|яются|ается|аются|еется|еются|ится|ятся)|расширен[аоы]?|увеличен[аоы]?"
        r"|утолщен[аоы]?|усилен[аоы]?|смещен[аоы]?|сохранен[аоы]?|уплотнен[аоы]?|снижен[аоы]?|повышен[аоы]?"
        r"|деформирован[аоы]?|свобод(?:ен|на|но|ны)|(?:уменьш|увелич|появ|сохран)ил(?:ся|ась|ось|ись)|име(?:ет|ют)|вид(?:ен|на|но|ны))\b",
        re.IGNORECASE,
    ),
}


class Sentence:
    """A sentence with its cues, to be asked about several mentions."""

    def __init__(self, text: str, language: Language | None = None) -> None:
        self.text = text
        self.language = language or detect(text) or Language.ENGLISH
        self.cues = find_cues(text, self.language)
        self._acting = [(order, cue) for order, cue in enumerate(self.cues) if cue.kind not in _ONLY_BOUNDS]
        self._bounds = [cue for cue in self.cues if cue.kind in _BLOCKS]

    def assess(self, start: int, end: int, *, named_normal: bool = False) -> Assessment:
        """The assessment of the mention at ``start`` to ``end``. ``named_normal``: the name itself holds a negation
        ("патологии не выявлено"), which is then none of the finding's."""
        acting: list[tuple[int, int, Cue]] = []
        for order, cue in self._acting:
            if cue.start < end and cue.end > start:
                if cue.before and cue.start < start and not named_normal:  # "未见异常" before "异常强化"
                    acting.append((0, order, cue))
                elif cue.after and start < cue.start and end < cue.end and cue.kind is CueKind.HISTORICAL:
                    acting.append((0, order, cue))  # "冠心病史": the name and the cue share a character
                continue
            if cue.before and cue.end <= start and self._reaches_right(cue, start, end):
                acting.append((start - cue.end, order, cue))
            elif cue.after and cue.start >= end and self._reaches_left(cue, start, end):
                acting.append((cue.start - end, order, cue))
        if not named_normal and (
            denied_by_name(self.text, start, end, self.language)
            or (self.language is Language.ENGLISH and english_clauses.is_denied_otherwise(self.text, start, end))
        ):
            return Assessment(Polarity.ABSENT)
        if named_normal:  # "no acute abnormality" is the finding; only a doubt about it counts
            acting = [entry for entry in acting if entry[2].kind is not CueKind.NEGATION]
        if self.language is Language.RUSSIAN and (acting or russian_reach.may_be_gone(self.text)):
            place = russian_reach.place_of_search(self.text, start)
            if place == "gone":
                return Assessment(Polarity.UNCERTAIN, historical=True)
            if place == "replaced":
                return Assessment(Polarity.ABSENT)
            if place:  # "в области перелома костной мозоли нет"
                acting = [entry for entry in acting if entry[2].kind is not CueKind.NEGATION]
        if not acting:
            return _UNCERTAIN if is_alternative(self.text, start, end, self.language) else _PRESENT
        if any(cue.kind is CueKind.FAMILY for _, _, cue in acting):
            return Assessment(Polarity.ABSENT, historical=True)
        historical = any(cue.kind is CueKind.HISTORICAL for _, _, cue in acting)
        if historical:  # "no metastases in a patient with a history of cancer"; not "no history of cancer"
            past = max(cue.start for _, _, cue in acting if cue.kind is CueKind.HISTORICAL)
            acting = [
                entry for entry in acting if entry[2].kind is not CueKind.NEGATION or entry[2].end > past - _NO_PAST
            ]
        others = [entry for entry in acting if entry[2].kind is not CueKind.HISTORICAL]
        if others:
            nearest = min(others)[2]
            if nearest.kind is CueKind.UNCERTAIN and self._is_answered(nearest, end, acting):
                return Assessment(Polarity.ABSENT, historical)
            if nearest.kind is CueKind.UNCERTAIN and self._doubt_is_denied(nearest, start, end):
                return Assessment(Polarity.ABSENT, historical)
            denied = nearest.kind is CueKind.NEGATION and not english_doubts.is_outweighed(self.text, *nearest[3:])
            polarity = Polarity.ABSENT if denied else Polarity.UNCERTAIN
            if self.text[nearest.start : nearest.end].lower() == "ни" and len({cue.kind for *_, cue in others}) > 1:
                polarity = Polarity.UNCERTAIN  # "нельзя исключить ни ишемию, ни кровоизлияние"
            return Assessment(polarity, historical and polarity is not Polarity.ABSENT)  # "no history of tuberculosis"
        return Assessment(Polarity.UNCERTAIN, historical=True)

    def _doubt_is_denied(self, doubt: Cue, start: int, end: int) -> bool:
        """Whether a doubt like "suspicious for" is what a negation beside it denies."""
        if not doubt.before or not _DENIABLE_DOUBT.search(self.text, doubt.start, doubt.end):
            return False
        return any(
            cue.kind is CueKind.NEGATION
            and (
                (
                    cue.before
                    and cue.end <= doubt.start
                    and not english_doubts.raises_doubt(self.text, cue.end, doubt.start)
                    and self._reaches_right(cue, doubt.start, doubt.end)
                )
                or (cue.after and cue.start >= end and not re.search("[.;:。；]", self.text[end : cue.start]))
            )
            for _, cue in self._acting
        )

    def _is_answered(self, doubt: Cue, end: int, acting: Sequence[tuple[int, int, Cue]]) -> bool:
        """Whether a question is answered in the negative at once: "r/o fracture - none seen"."""
        later = any(cue.kind is CueKind.NEGATION and cue.start >= end for _, _, cue in acting)
        asked = self.text[doubt.start : doubt.end]
        return self.language is Language.ENGLISH and english_doubts.is_answered(asked, self.text, end, later)

    def _is_in_brackets(self, cue: Cue, between: str) -> bool:
        """Whether a doubt stands in brackets that it is about: "nodule (adenocarcinoma vs inflammation)"."""
        said = cue.kind is CueKind.HISTORICAL or (cue.kind, self.language) in _KEPT_IN_BRACKETS
        return (said or self.text[cue.start] == "?") and _IN_BRACKETS.search(between) is not None

    def _is_bare_predicate(self, cue: Cue) -> bool:
        """Whether a Russian verb with "не" is all that its clause says, but for a word like "now"."""
        comma = self.text.rfind(",", 0, cue.start)
        before = self.text[comma + 1 : cue.start]
        if before.strip():
            left = comma + 1 + len(before) - len(before.lstrip())
            now = next((now for now in self.cues if now.kind is CueKind.NOW and now.start == left), None)
            if now is None or self.text[now.end : cue.start].strip():
                return False
        return _BARE.fullmatch(self.text, cue.start) is not None

    def _blocked(self, start: int, end: int) -> bool:
        """Whether a terminator stands between."""
        return any(cue.start >= start and cue.end <= end for cue in self._bounds)

    def _now_between(self, start: int, end: int) -> bool:
        return any(cue.kind is CueKind.NOW and cue.start >= start and cue.end <= end for cue in self.cues)

    def _past_ends(self, past: int, start: int) -> bool:
        """Whether what was said of the past, up to ``past``, is over at ``start``: at a word like "now", or in a later
        clause with a negation of its own ("в анамнезе инсульт, кровоизлияний не выявлено")."""
        comma = max(self.text.rfind(",", past, start), self.text.rfind("，", past, start))
        if self._now_between(past, start) or _WITHOUT.search(self.text, past, start):
            return True  # "removal of the tube without pneumothorax"
        return comma >= 0 and any(cue.kind is CueKind.NEGATION and cue.start > comma for cue in self.cues)

    def _lists_past(self, cue: Cue) -> bool:
        """Whether words like "history of" open a list."""
        if cue.after and self._has_words_before(cue):
            return False
        return _HISTORY.search(self.text, cue.start, cue.end) is not None

    def _is_past(self, start: int) -> bool:
        """Whether words of the past open the clause of the mention: a later clause does not deny it."""
        comma = max(self.text.rfind(",", 0, start), 0)
        return any(cue.kind is CueKind.HISTORICAL and cue.before and comma <= cue.start <= start for cue in self.cues)

    def _excepted(self, start: int) -> bool:
        """Whether "except for" or the like opens the clause of the mention."""
        comma = max(self.text.rfind(",", 0, start), 0)
        return any(cue.kind is CueKind.STOP and comma <= cue.start < start for cue in self.cues)

    def _affirmed_before(self, position: int, denial: Cue) -> bool:
        """Whether something is affirmed before ``position``. "Признаки" are none where a plural denies them: "признаки
        пневмоторакса, гидроторакса не определяются"."""
        signs = _PLURAL.search(self.text, denial.start, denial.end) is not None
        return any(
            cue.kind is CueKind.AFFIRM
            and cue.end <= position
            and not (signs and self.text[cue.start : cue.end].lower().endswith("признаки"))
            for cue in self.cues
        )

    def _reaches_right(self, cue: Cue, start: int, end: int) -> bool:
        if self._blocked(cue.end, start) and not chinese_reach.doubt_goes_on(cue, self.text, start):
            return False
        between = self.text[cue.end : start]
        if russian_reach.is_aside(between) and cue.kind is CueKind.NEGATION and self._has_words_before(cue):
            return False  # "почка отсутствует (нефрэктомия)"
        if self.text[cue.start] == "?" and self.text[max(cue.start - 1, 0)].isalnum():
            return False  # "перелом? вывиха нет"
        if cue.kind is CueKind.FAMILY:
            if self.language is Language.CHINESE and not chinese_reach.family_goes_on(cue, self.text, between):
                return False
            own = is_of_the_patient(self.text, cue.end, start) or russian_reach.family_is_told(between)
            return (
                not own
                and ";" not in between
                and ":" not in between.lstrip()[1:]
                and not self._now_between(cue.end, start)
            )
        if (
            cue.kind is CueKind.NEGATION
            and self.language is Language.ENGLISH
            and not self._list_ends_joined(end)
            and english_clauses.asserted_beyond(self.text, cue.start, cue.end, start, end)
        ):
            return False
        if cue.kind is CueKind.HISTORICAL:
            if self._past_ends(cue.end, start):
                return False
            after = _AFTER.match(self.text, cue.start, cue.end) and not self.text[start].isascii()  # "после COVID-19"
            if after and not genitive.may_be_genitive(self.text, start, end):
                return False  # "после дренирования правосторонний пневмоторакс"
            if _COMMA.search(between) and not self._lists_past(cue):
                return False  # "туберкулез в анамнезе, петрификаты", "состояние после ОНМК, гидроцефалия"
            if russian_reach.past_is_over(between) or (self.language is Language.ENGLISH and past_is_over(between)):
                return False  # "status post evacuation with expected pneumocephalus"
            if self._lists_past(cue):
                between = between.lstrip(" :")  # "из анамнеза: рак"; not "после дренирования: воздуха нет"
        if self.language is Language.CHINESE:
            return chinese_reach.reaches_right(cue, between)
        if russian_reach.opens_list(between) and cue.kind is CueKind.NEGATION and not self._has_words_before(cue):
            return self.language is Language.RUSSIAN
        if _HARD.search(between) and cue.kind is not CueKind.DIFFERENTIAL:
            return False
        if cue.kind is CueKind.UNCERTAIN and (
            self._doubt_is_over(cue.end, start) or english_doubts.doubt_is_over(between)
        ):
            return False
        if cue.kind is CueKind.DIFFERENTIAL and english_doubts.is_explained(between, self.text, end):
            return False
        if cue.kind in (CueKind.DIFFERENTIAL, CueKind.HISTORICAL) or not _COMMA.search(between):
            return True
        if cue.kind is CueKind.UNCERTAIN and not _COMMA.split(between, maxsplit=1)[0].strip():
            if cue.after and self._has_words_before(cue):
                return False  # "разрыв исключить сложно, бурсит"
            return between.count(",") == 1  # "вероятно, киста"
        if _ADJECTIVES.fullmatch(between):
            return True
        chunk = between[between.rindex(",") :] if "," in between else between
        if cue.kind is CueKind.UNCERTAIN:
            return bool(_JOINED.match(chunk)) or self._list_ends_joined(end)
        if cue.after and self._has_words_before(cue):  # "гидронефроза нет, киста почки": "нет" had its say
            return False
        if not _JOINED.match(chunk) and not OR_BEFORE.search(between):
            next_comma = _COMMA.search(self.text, end)
            rest = self.text[cue.end : next_comma.start() if next_comma else len(self.text)]
            if _PREDICATE[self.language].search(rest) and not self._list_ends_joined(end):
                return False
        return self.language is not Language.RUSSIAN or genitive.may_be_denied(self.text, start, end)

    def _doubt_is_over(self, start: int, end: int) -> bool:
        """Whether a doubt that stands behind what it is about closes the doubt before: "the possibility of a mass cannot be
        excluded behind the collapsed lobe"."""
        return any(
            cue.kind is CueKind.UNCERTAIN and cue.after and not cue.before and cue.start >= start and cue.end <= end
            for cue in self.cues
        )

    def _list_ends_joined(self, end: int) -> bool:
        """Whether the enumeration that goes on after ``end`` closes with "or"/"и", or the sentence's end is near."""
        rest = self.text[end:]
        return bool(re.match(r"[^.;]*,?\s+(?:or|nor|and/or|или)\s", rest, re.IGNORECASE))

    def _reaches_left(self, cue: Cue, start: int, end: int) -> bool:
        between = self.text[end : cue.start]
        if self.language is Language.ENGLISH:
            told = english_clauses.says_of_it(self.text, end, cue.start, denies=cue.kind is CueKind.NEGATION)
            if told is not None:
                return told
        if self._blocked(end, cue.start) and not chinese_reach.doubt_goes_back(cue, self.text, end):
            return False
        if self.language is Language.CHINESE:
            return chinese_reach.reaches_left(cue, self.text, between)
        if self.language is Language.RUSSIAN:
            between = russian_reach.without_predicate_mark(between)
        if _HARD.search(between) or self._is_in_brackets(cue, between):
            return False
        if cue.kind is CueKind.UNCERTAIN and any(
            other.kind is CueKind.UNCERTAIN and other.before and other.start >= end and other.end <= cue.start
            for other in self.cues
        ):
            return False  # "markings may reflect edema versus infection"
        if self.language is Language.RUSSIAN:
            told = russian_reach.past_reaches_left(self.text, end, cue, self.cues)
            if told is not None:
                return told
        if not _COMMA.search(between) or _TOLD_BEFORE.fullmatch(between):
            return True
        if cue.kind is CueKind.NEGATION and russian_reach.agrees_with_one(self.text[cue.start : cue.end]):
            return False
        if cue.kind is CueKind.NEGATION and russian_reach.is_list_of_subjects(self.text, start, end, cue):
            return True
        if cue.kind is not CueKind.NEGATION and cue.kind is not CueKind.UNCERTAIN:
            return False
        if cue.kind is CueKind.UNCERTAIN and not cue.before and not between.strip(" ,"):
            return True  # "пневмония, высокая вероятность"
        if cue.before and not self._has_words_before(cue):
            return False  # "..., без признаков ...": it opens its clause and looks ahead
        if cue.kind is CueKind.NEGATION and self._is_bare_predicate(cue) and not self._excepted(start):
            return True  # "гематома, в настоящее время не определяется"
        if (
            self._excepted(start)
            or self._is_past(start)
            or self._affirmed_before(start, cue)
            or _PREDICATE[self.language].search(between)
        ):
            return False
        joined = re.search(r",?\s(?:or|and|nor|и|или)\s", between[between.rfind(",") :], re.IGNORECASE)
        if cue.kind is CueKind.UNCERTAIN or (
            self.language is Language.ENGLISH and between[between.rfind(",") + 1 :].strip()
        ):
            return joined is not None  # "fracture, marrow edema absent" denies the edema only
        if _MEASURE_OF.search(self.text, 0, start) or _OWN_EVIDENCE.search(self.text, end, cue.start):
            return False
        if genitive.denies_some(self.text, cue.start):
            return False  # "состояние после операции, данных за рецидив нет", "очаги, активных нет"
        return genitive.may_be_denied(self.text, start, end) and genitive.list_may_be_denied(self.text, end, cue.start)

    def _has_words_before(self, cue: Cue) -> bool:
        """Whether the cue stands at the end of its clause rather than at its beginning."""
        before = self.text[: cue.start]
        comma = max(before.rfind(","), before.rfind(";"), before.rfind(":"))
        return bool(before[comma + 1 :].strip())


def assess(text: str, start: int, end: int, language: Language | None = None) -> Assessment:
    """The assessment of the mention at ``start`` to ``end`` of a text, within its sentence.

    >>> text = "Без признаков кровоизлияния"
    >>> assess(text, 14, 27).polarity
    <Polarity.ABSENT: 'absent'>
    """
    for left, right in sentences(text):
        if left <= start < right:
            return Sentence(text[left:right], language or detect(text)).assess(start - left, end - left)
    return Sentence(text, language).assess(start, end)


def polarity(text: str, start: int, end: int, language: Language | None = None) -> Polarity:
    """Whether ``text`` asserts, denies or doubts what it mentions at ``start`` to ``end``."""
    return assess(text, start, end, language).polarity
