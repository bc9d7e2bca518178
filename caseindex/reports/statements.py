"""Report -> statements: which findings each sentence asserts, denies or doubts, on which side, where, and how changed."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from caseindex.records import Change, Language, Polarity, Side, Statement
from caseindex.reports.lexicon import Lexicon, Mention, load_lexicon
from caseindex.reports.scope.changes import ChangeSpan, change_of, find_changes
from caseindex.reports.scope.chinese_context import in_context
from caseindex.reports.scope.chinese_operations import cured_cancer, is_still_there, stated_mentions
from caseindex.reports.scope.chinese_signs import without_signs
from caseindex.reports.scope.ellipsis import denied_sides, graded_sides, repeated_sides
from caseindex.reports.scope.english_company import in_company
from caseindex.reports.scope.english_signs import described_only
from caseindex.reports.scope.negation import Assessment, Sentence
from caseindex.reports.scope.places import place_of
from caseindex.reports.scope.russian_details import is_detail
from caseindex.reports.scope.russian_kinds import other_kinds
from caseindex.reports.sides.sentence_sides import SentenceSides
from caseindex.reports.sides.shared_sides import shared_sides
from caseindex.reports.table import ConceptKind
from caseindex.reports.text import chinese
from caseindex.reports.text.languages import detect
from caseindex.reports.text.sections import sections
from caseindex.reports.text.sentences import sentences
from caseindex.reports.text.slips import chinese_slips, russian_slips
from caseindex.reports.text.tokens import repaired_text

# Names that hold a negation: "no abnormality", "патологии не выявлено".
_NORMAL = "normal"
_ASKED = frozenset(["indication", "differential"])  # sections that ask rather than tell
_PAST = frozenset(["history"])
_DYNAMICS = frozenset(["positive_dynamics", "negative_dynamics"])
_OF_ILLNESS = re.compile("病情|疾病|疗效")  # "病灶增大，提示病情进展": a finding of its own
_COMPARED = frozenset(["enlargement", "volume_loss"])
_TAKEN_OUT = re.compile(
    r"(?<!\bbe )remov|explant|extubat|pulled|удален|удалил|извлеч|拔除|拔出|移除|撤除|取出", re.IGNORECASE
)
# "ETT, NG tube and central line have been removed"
_ALL_TAKEN_OUT = re.compile(
    r"(?:,[^,;.]{3,40}){1,3},? and [^,;.]* (?:have|were|are)(?: all| both| now| since| subsequently)* (?:been )?(?:\w+ )?(?:removed|withdrawn|pulled)",
    re.IGNORECASE,
)
_NEXT_DEVICE = re.compile(r"(?:removed|pulled|withdrawn|extubated) and (?:the|an?|now)\b", re.IGNORECASE)
_STILL_THERE = re.compile(r"\b(?:is|are|remains?|terminates?|projects?|in place)\b.*\band\b", re.IGNORECASE)
_COMPLICATION = re.compile(
    r"complicat|loosen|migrat|failure|malposition|lucen|fractur|kink|осложн|утечк|миграц|смещени|нестабильн|расшат|перелом"
    r"|松动|断裂|移位|并发|周围",
    re.IGNORECASE,
)
_TWO_IN_ONE = {  # one word for two findings
    "cholecystitis": ("cholelithiasis", re.compile(".*(?<!бес)(?<!не)калькул", re.IGNORECASE)),
    "surgical_clips": ("cholecystectomy", re.compile("cholecystectomy", re.IGNORECASE)),
    "hepatomegaly": ("splenomegaly", re.compile("гепатоспл|hepatospl|肝脾", re.IGNORECASE)),
    "kyphosis": ("scoliosis", re.compile("кифосколио", re.IGNORECASE)),
    "radius_fracture": ("ulna_fracture", re.compile("[尺桡]、?[尺桡]骨|перелом.*костей.*предплечь", re.IGNORECASE)),
    "tibia_fracture": ("fibula_fracture", re.compile("胫、?腓骨|перелом.*костей.*голени", re.IGNORECASE)),
    "ring_enhancement": ("lesion", re.compile(r"(?:ring|rim|peripherally)[- ]enhancing lesion", re.IGNORECASE)),
    "cholesteatoma": ("otitis_media", re.compile("胆脂瘤型中耳炎")),
    "arterial_wall_calcification": ("tortuous_aorta", re.compile("[主胸降腹][^，。]*[迂纡][曲回]")),
    "mastoiditis": ("otitis_media", re.compile("中耳乳突炎")),
    "hemothorax": ("pneumothorax", re.compile("гемопневм|пневмогем|ha?emopneumo|血气胸|气血胸", re.IGNORECASE)),
}
_CATEGORY = re.compile("(?:BI|LI|PI)-?RADS", re.IGNORECASE)
_MARKS = ",;，；。"


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
    if language is Language.CHINESE:
        here = in_context(here, plain, start, lexicon)
        stated = stated_mentions(here, plain, start, lexicon)
    else:
        if language is Language.ENGLISH:
            here = in_company(here, plain, start)
        stated = [mention for mention in here if mention.concept in lexicon.stated]
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
        if language is not Language.RUSSIAN and _only_grades(mention, stated, language):
            continue
        if language is Language.RUSSIAN and is_detail(mention, stated, plain, a, lexicon):
            continue
        others = [span for span in spans if span != (a, b)] if len(stated) > 1 else ()
        if others and not _OF_ILLNESS.match(mention.text) and _is_comparison(mention.concept, a, b, changes, language):
            continue  # "interval enlargement of the hematoma"
        judged = _judged(mention, lexicon.concepts[mention.concept].kind, sentence, a, b, section)
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
        found.append(made)
        other, pattern = _TWO_IN_ONE.get(mention.concept, ("", _CATEGORY))
        if other and pattern.match(mention.text):
            found.append(replace(made, finding=other))
        cured = cured_cancer(mention) if language is Language.CHINESE else None
        if cured:
            found.append(replace(made, finding=cured, polarity=Polarity.UNCERTAIN, historical=True))
        names += [mention.text] * (len(found) - len(names))
    if language is Language.CHINESE and len(found) > 1:
        found = without_signs(found, names)
    if language is Language.ENGLISH and len(found) > 1:
        only = {id(found[number]) for number in described_only(found, names)}
    else:
        only = set()
    if not sided.any:
        return [made for made in found if id(made) not in only]
    if language is Language.ENGLISH:
        free = [place for place in places if not any(mention.place == (place.start, place.end) for mention in stated)]
        found = _with_shared(found, plain, start, free, spans, changes, lexicon)
    if language is Language.RUSSIAN:
        found = _with_kinds(_as_specific(found, lexicon), plain, spans, stated, places, lexicon)
    found = _with_unsaid(found, plain, language, spans, stated)
    return [made for made in found if id(made) not in only]


def _as_specific(found: list[Statement], lexicon: Lexicon) -> list[Statement]:
    """With denials of one side called by the name that the other side gave: "паховая грыжа слева, справа грыжи нет"."""
    made: list[Statement] = []
    for statement in found:
        sided = statement.side in (Side.LEFT, Side.RIGHT) and not lexicon.organs(statement.finding)
        if statement.polarity is Polarity.ABSENT and sided:
            narrower = lexicon.expand(statement.finding)[1:]
            other = next((told for told in reversed(made) if told.finding in narrower), None)
            if other is not None and other.side is not None and other.side is not statement.side:
                statement = replace(statement, finding=other.finding)
        made.append(statement)
    return made


def _with_kinds(
    found: list[Statement],
    plain: str,
    spans: Sequence[tuple[int, int]],
    stated: Sequence[Mention],
    places: Sequence[Mention],
    lexicon: Lexicon,
) -> list[Statement]:
    """With what a Russian clause calls by its adjective only: "яичники: слева эндометриоидная киста, справа функциональная"."""
    where = places[0].text if places else ""
    for number, side, name in other_kinds(plain, spans):
        told = next((made for made in reversed(found) if made.finding == stated[number].concept), None)
        named = [
            mention for mention in lexicon.mentions(f"{name} {where}", Language.RUSSIAN) if mention.start < len(name)
        ]
        if told is not None and told.side not in (side, Side.BOTH) and named and named[0].concept in lexicon.stated:
            found.append(replace(told, finding=named[0].concept, side=side, change=None))
    return found


def _told_change(change: Change | None, judged: Assessment) -> Change | None:
    """What is not there is neither worse nor unchanged: "aneurysm has grown, no rupture"."""
    return None if judged.polarity is Polarity.ABSENT and change in (Change.WORSE, Change.UNCHANGED) else change


def _judged(mention: Mention, kind: ConceptKind, sentence: Sentence, a: int, b: int, section: str) -> Assessment:
    """Whether the mention at ``a`` to ``b`` of its sentence is asserted, by what it is and where it stands."""
    judged = _in_section(sentence.assess(a, b, named_normal=mention.concept == _NORMAL), section)
    if judged.polarity is Polarity.PRESENT and _CATEGORY.match(mention.text):
        judged = Assessment(Polarity.UNCERTAIN)  # "BI-RADS 5" is a suspicion
    if kind is not ConceptKind.FINDING:
        is_device = kind is ConceptKind.DEVICE
        judged = _of_device(judged, sentence.text, a, b, sentence.language, is_device=is_device)
    if kind is ConceptKind.PROCEDURE and _TAKEN_OUT.search(sentence.text, a, b):
        judged = Assessment(Polarity.PRESENT)  # "желчный пузырь удален"
    return judged


def _with_shared(
    found: list[Statement],
    plain: str,
    start: int,
    places: Sequence[Mention],
    spans: Sequence[tuple[int, int]],
    changes: Sequence[ChangeSpan],
    lexicon: Lexicon,
) -> list[Statement]:
    """With the sides that an English sentence deals out for what it names once."""
    if len(found) != len(spans):
        return found
    told = [(made.finding, a, b, made.side) for made, (a, b) in zip(found, spans, strict=True)]
    named = [(place.concept, place.start - start, place.end - start) for place in places]
    more = []
    for shared in shared_sides(plain, told, named, changes, lexicon):
        made = found[shared.number]
        polarity = shared.polarity or made.polarity
        if polarity is not Polarity.ABSENT or shared.polarity is not None:
            more.append(replace(made, polarity=polarity, side=shared.side, change=shared.change))
    return _without_repetition(found + more) if more else found


def _with_unsaid(
    found: list[Statement],
    plain: str,
    language: Language,
    spans: Sequence[tuple[int, int]],
    stated: Sequence[Mention],
) -> list[Statement]:
    """With what the clauses of a side say of the finding before them."""

    def last(position: int) -> Statement | None:
        told = [made for made in found if made.finding == stated[position].concept]
        return told[-1] if told else None

    for position, side in denied_sides(plain, language, spans):
        told = last(position)
        if told is not None and told.polarity is Polarity.PRESENT:
            found.append(replace(told, polarity=Polarity.ABSENT, side=_other(told, side), change=None))
    for position, side in repeated_sides(plain, language, spans):
        told = last(position)
        if told is not None and told.side not in (side, Side.BOTH):
            found.append(replace(told, side=_other(told, side), change=None))
    for position, side, change in graded_sides(plain, language, spans):
        told = last(position)
        if told is not None and told.side not in (None, side, Side.BOTH):
            gone = (
                told.polarity is Polarity.ABSENT
            )  # "左侧已吸收，右侧同前", "слева регрессировала, справа без динамики"
            polarity = Polarity.PRESENT if gone else told.polarity
            compared = change if language is Language.CHINESE or change else told.change
            found.append(replace(told, side=_other(told, side), polarity=polarity, change=compared))
    return _without_repetition(found)


def _other(told: Statement, side: Side) -> Side | None:
    """The side that a clause speaks of; for ``BOTH`` the one that what was told is not on."""
    if side is not Side.BOTH:
        return side
    return {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}.get(told.side) if told.side else None


def _only_grades(mention: Mention, stated: Sequence[Mention], language: Language) -> bool:
    """Whether a category only grades what a sentence names: "甲状腺结节，TI-RADS 3类", "LI-RADS 5 (HCC)"; "BI-RADS 5" alone
    is a suspicion."""
    if not _CATEGORY.match(mention.text) or not mention.text.isascii():
        return False
    graded = language is Language.CHINESE and mention.text[-1] not in "56"
    return graded or sum(other.concept == mention.concept for other in stated) > 1


def _without_repetition(found: list[Statement]) -> list[Statement]:
    """Without those that say of a finding, with no side, what another one says with its side."""
    told = {(made.finding, made.polarity, made.historical) for made in found if made.side is not None}
    if not told:
        return found
    return [
        made for made in found if made.side is not None or (made.finding, made.polarity, made.historical) not in told
    ]


def _is_comparison(concept: str, start: int, end: int, changes: Sequence[ChangeSpan], language: Language) -> bool:
    """Whether the words of a finding only say how another one has changed. "Положительная динамика" is a diagnosis."""
    if concept in _DYNAMICS and language is Language.RUSSIAN:
        return False
    partly = concept in _COMPARED or concept in _DYNAMICS
    return any(
        (left < end and right > start) if partly else (left <= start and end <= right) for left, right, _ in changes
    )


def _of_device(
    judged: Assessment, sentence: str, start: int, end: int, language: Language, *, is_device: bool
) -> Assessment:
    """A device of the past is in place ("pacemaker, status post implantation") unless it was taken out; only its own
    clause denies one ("артефакт от клипсы, гематома не определяется")."""
    if judged.historical and sentence.startswith("史", end):
        return judged  # "既往有左肺上叶切除史"
    begin = max(sentence.rfind(mark, 0, start) for mark in _MARKS) + 1
    finish = min((at for mark in _MARKS if (at := sentence.find(mark, end)) >= 0), default=len(sentence))
    if is_device and (_is_taken_out(sentence, begin, start, end, finish) or _ALL_TAKEN_OUT.match(sentence, end)):
        return Assessment(Polarity.ABSENT)
    if judged.polarity is not Polarity.PRESENT and _COMPLICATION.search(sentence, begin, finish):
        return Assessment(Polarity.PRESENT)  # "миграции металлоконструкции нет"
    if judged.polarity is Polarity.ABSENT and not judged.historical and finish < len(sentence):
        return Sentence(sentence[begin:finish], language).assess(start - begin, end - begin)
    if judged.historical and judged.polarity is Polarity.UNCERTAIN:
        return Assessment(Polarity.PRESENT)
    return judged


def _is_taken_out(sentence: str, begin: int, start: int, end: int, finish: int) -> bool:
    """Whether the clause of a device says that it was taken out; not what "and" joins to that of another ("the tube has been
    removed and the line replaced")."""
    return any(
        not (
            _NEXT_DEVICE.search(sentence, removed.start(), start) or _STILL_THERE.search(sentence, end, removed.start())
        )
        for removed in _TAKEN_OUT.finditer(sentence, begin, finish)
    )


def _in_section(judged: Assessment, section: str | None) -> Assessment:
    if judged.polarity is not Polarity.PRESENT:
        return judged
    if section in _PAST:
        return Assessment(Polarity.UNCERTAIN, historical=True)
    return Assessment(Polarity.UNCERTAIN) if section in _ASKED else judged
