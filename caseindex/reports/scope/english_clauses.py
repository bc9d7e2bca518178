"""What an English clause beyond a comma or a relative clause says of itself, whatever a negation elsewhere denies."""

from __future__ import annotations

import re

from caseindex.reports.scope.english_doubts import INSTEAD

# "no lymphadenopathy, small hiatal hernia": what has a size or a degree is there.
_ASSERTS = re.compile(
    r"\s*(?:(?:but|with|there (?:is|are))\s+)?(?:an?\s+)?(?:complex |solid )?(?:large(?! (?:pleural |right |left |bilateral )*(?:effusion|pneumothora))|(?:enlarged|dilated|thickened|bulky|distended)(?! (?:[a-z]+ )?(?:lymph|nodes?|loops?|bowel|ducts?|vessels?|veins?))|huge|massive|gross|central|paracentral|only|just|merely|solely|simply|simple|small|tiny|minimal|trace|mild|moderate|severe|scattered|multiple|numerous|few|several|one|two|three|four|five|six|seven|eight|nine|ten|stable"
    r"|unchanged|prominent|extensive|marked|advanced|diffuse|old|chronic|remote|incidental|healed|healing|known|persistent|residual|established|long-?standing|age-related|generali[sz]ed|background|adjacent[- ](?:level|segment)"
    r"|bilateral|right|left|soft[ -]tissue (?:swelling|edema|oedema)|degenerative|(?:osteo)?arthritic|atherosclerotic|atheromatous|post-?(?:surgical|operative)|\d+(?:\.\d+)? ?(?:x|mm\b|cm\b)|\d+% |(?:mild|moderate)ly)\b",
    re.IGNORECASE,
)
# "no ductal dilatation, liver echogenic"
_HAS_STATE = re.compile(
    r"\s*(?:[\w-]+ ){1,2}(?:echogenic|steatotic|cirrhotic|atrophic|hyperinflated|tortuous|ectatic|bulky|unfolded|enlarged|dilated|distended|widened|contracted|overloaded|congested)\b",
    re.IGNORECASE,
)
# "no screw loosening, disc degeneration at L3/4", "no effusion, nodule in the left lung"
_ITS_PLACE = re.compile(
    r"\s+\d+(?:\.\d+)?(?: ?[x×] ?\d+(?:\.\d+)?)* ?(?:mm|cm)\b|\s+(?:in|at|of|over|on|within) (?:the )?(?:left|right|[CTLS]\d|segment|upper|lower|posterior|anterior|lateral|medial|distal|proximal|bed)\b",
    re.IGNORECASE,
)
_AND = re.compile(r"\s*and\b", re.IGNORECASE)
_OWN_PREDICATE = re.compile(r"\s+(?:has|have|remains?|persists?)\b", re.IGNORECASE)
_CLOSED = re.compile(
    r"\b(?:seen|identified|visuali[sz]ed|noted|present|evident|detected|demonstrated)\s*$", re.IGNORECASE
)
_PARENTHETIC = re.compile(r",\s*without[^,]*$", re.IGNORECASE)  # "opacity, without effusion, and enlarged nodes"
_HAS_MORE = re.compile(r"[^,;.]*\bwith\b|\s*\w+ (?:enlarged|dilated|thickened|distended)\b", re.IGNORECASE)
# "no enhancement within the thrombus", "no leak around the graft": what is denied would be in something that is there
_NEAR = 40  # characters
_ARTICLE = re.compile(r" th(?:e|is|ese|at) | its ", re.IGNORECASE)
_IN_WHAT_IS_THERE = re.compile(
    # "no communication of the mass with the bone", "no growth of the meningioma"
    r"(?:communication|connection|continuity|contact|relation(?:ship)?|invasion|extension|involvement|infiltration|displacement|compression|growth|movement|migration|enlargement|progression|expansion|rupture|perforation|dissection|infection|recanali[sz]ation|loosening|dislocation) (?:of|with|between|to|into|by|from|through) (?:the|this|these|that|its) (?:(?!aort|canal|wall|lumen)[\w-]+ ){0,2}$"
    r"|[a-z-]{3,} (?:seen |identified |noted |demonstrated )?(?:within|inside|around|surrounding|adjacent to|beneath|underlying|distal to|proximal to|upstream of|at the site of|in) (?:the|this|these|that|its) (?:(?:known|previously seen|previously described|left|right|residual|existing|treated|above|index) )*$",
    re.IGNORECASE,
)
# "hydrocephalus resolved after a shunt"
_RESOLVED = re.compile(r"(?:interval )?resolved\b", re.IGNORECASE)
_SINCE = re.compile(r"\b(?:after|following|since|with|on)\b", re.IGNORECASE)
_ABSENCE = re.compile(r"(?:absence|lack) of\b", re.IGNORECASE)  # "absence of a kidney with hypertrophy of the other"
_WITH = re.compile(r"\bwith\b", re.IGNORECASE)
_WITHOUT = re.compile(r"(?:\bwithout\b|w/o(?:ut)?(?!\w))", re.IGNORECASE)
# of a list: "disc bulge without contact or stenosis", "the lungs are clear without effusion, pneumothorax"
_LIST = re.compile(r"\b(?:or|nor|and|evidence|signs?|focal|any)\b|[a-z]/[a-z]|,[^,;]*,")
_ALL_WELL = re.compile(r"\b(?:clear|normal\w*|unremarkable|well|intact|expanded|aerated|negative)\b", re.IGNORECASE)
_JOINED = re.compile(r"^[\s,]*(?:or|and|nor|as well as)\b", re.IGNORECASE)
_OR = re.compile(r"\bor\b")
_OR_BEFORE = re.compile(r"\bor\s+(?:(?:areas?|foci|focus|signs?|evidence) of\s+)?(?:[\w-]+\s+){0,1}$", re.IGNORECASE)
# "the opacity, which was suspicious for malignancy, has cleared"
_ASIDE = re.compile(
    r"[^,;:]*,\s*(?:which|that|queried|questioned|raised|suspected|reported)\b[^,;:]*,\s*", re.IGNORECASE
)
# "pneumonia at the left base, though not favoured, is difficult to exclude"
_THOUGH = re.compile(r"[^,;:]*,\s*(?:al)?though\b[^,;:]*,\s*", re.IGNORECASE)
# "infrarenal aneurysm with contained rupture suspected": only the rupture
_WITH_MORE = re.compile(r"\bwith (?!\d|it\b|this\b|which\b)[^,;:()]*[a-z] $", re.IGNORECASE)
# "nephrostomy in good position with resolved hydronephrosis"
_OF_WHAT_FOLLOWS = re.compile(r"(?:resolved|cleared|absent) \w", re.IGNORECASE)
# "ascites is minimal and pleural fluid is absent"
# "marrow edema makes an occult fracture possible"
_LEADS_TO = re.compile(r"[^,;]*\b(?:makes?|making|renders?|rendering|raises?|raising)\b[^,;]*", re.IGNORECASE)
_OWN_CLAUSE = re.compile(r"\s+(?:is|are|was|were|remains?|appears?|has|have)\s[^,;]*\band\s+[^,;]*\w\s*", re.IGNORECASE)
# "Pneumothorax: none.", "Fracture - no"
_NEGATIVE_ENTRY = re.compile(
    r"\s*(?::|\s[-–—])\s*(?:none|no|negative|absent|nil|not)(?: (?:seen|identified|present|detected|evident|visuali[sz]ed|demonstrated|found|noted|appreciated|suspected))?(?=\s*(?:[.,;)]|$))",
    re.IGNORECASE,
)
_TAKES_BACK = re.compile("hat |mis|wrong|rroneous")  # most sentences hold none of what _WAS_CALLED looks for
# "bone island in the iliac wing, previously described as a metastasis."
_ONCE_CALLED = re.compile(
    r"\w,? \(?(?:previously|initially|originally|formerly|wrongly|erroneously|earlier|mistakenly) (?:described|reported|called|interpreted|misinterpreted|read|misread|labell?ed|considered|diagnosed|mistaken|thought) (?:as|to be|for|to represent) (?:an? |the |possible )?(?:\w+ )?$",
    re.IGNORECASE,
)
_ENDS = re.compile(r"\)?\s*\.?\s*$")
_HEALTHY = re.compile(
    r"Graf(?:'s)?(?: type| grade)? (?:I|1)[ab]?\b(?! or)|(?:Fazekas|CAD-?RADS|Pfirrmann|Modic|Bosniak|Kellgren(?:[- ]Lawrence)?|KL|MTA)(?: grade| score| type)? 0\b|(?:BI|TI|LI|PI)-?RADS (?:score |category )?1\b",
    re.IGNORECASE,
)
# "what was previously thought to be a pneumothorax ...", "the nodule reported as a metastasis is in fact ..."
_WAS_CALLED = re.compile(
    r"\b(?:what (?:was|were|is|had been|has been|appeared|looked)|(?:mistaken|mistakenly|erroneously|wrongly|misinterpreted|misread)) (?:[\w-]+ ){0,3}?"
    r"(?:called|thought|described|reported|interpreted|read|seen|labell?ed|suspected|to be|as|like|for)(?: to be| to represent| as| like)? (?:an? |the |possible |likely |probable |suspicious for )*(?:(?!(?:is|are|was|were|now|represents?|corresponds?|proves?|turns)\b)[\w-]+ ){0,2}$",
    re.IGNORECASE,
)
# "pseudocyst after pancreatitis in 2021", "effusion, larger than on the CT last week"
_DATED = re.compile(
    r"(?:in (?:\w+ )?(?:19|20)\d\d|in (?:childhood|infancy|the past)|last|yesterday|earlier|the previous|\w+ \w+ ago)\b",
    re.IGNORECASE,
)
_OF_ANOTHER_TIME = re.compile(
    r"\b(?:after|following|since|from|than|due|post|compared|CTs?|MRI?s?|scans?|stud(?:y|ies)|exams?|films?|x-?rays?|radiographs?|ultrasounds?)\b",
    re.IGNORECASE,
)
_SIZE = re.compile(r"\d ?(?:mm|cm)\b")  # "aneurysm 5.3 cm (4.9 cm last year)"


def asserted_beyond(text: str, cue: int, cue_end: int, start: int, end: int) -> bool:
    """Whether an item at ``start`` behind a list that a negation at ``cue`` denies says how much there is of it ("no
    lymphadenopathy, small hernia"), has a predicate of its own, or follows a participle that closes the denied clause ("no
    sac seen, adnexal mass")."""
    comma = text.rfind(",", cue_end, start)
    if _ARTICLE.search(text, max(cue_end, start - _NEAR), start) and _IN_WHAT_IS_THERE.search(text, cue_end, start):
        return True
    if _RESOLVED.match(text, cue) and _SINCE.search(text, cue_end, start):
        return True
    if (comma >= 0 and INSTEAD.match(text, cue)) or (_ABSENCE.match(text, cue) and _WITH.search(text, cue_end, start)):
        return True
    if comma < 0 or _OR_BEFORE.search(text[:start]):
        return False
    if _SIZE.search(text, start, end):
        return True  # "without focal lesion, spleen 15.2 cm"
    item = text[comma + 1 : start]
    if _PARENTHETIC.search(text, 0, cue_end) and _AND.match(item):
        return True
    if _WITHOUT.match(text, cue) and (_HAS_MORE.match(text, comma + 1) or _is_of_one(text, cue, cue_end)):
        return (
            True  # "lesion without enhancement, cirrhosis with splenomegaly", "bulge without contact, facet arthrosis"
        )
    if (
        says_how_much(text, comma + 1)
        or _HAS_STATE.match(text, comma + 1)
        or (_AND.match(item) and _OWN_PREDICATE.match(text, end))
    ):
        return True
    if _ITS_PLACE.match(text, end) and not _JOINED.match(item) and not _OR.search(text, cue_end):
        return True
    denied = text[cue_end:comma]  # "no fracture or dislocation, swelling": the list was over
    return not _JOINED.match(item) and bool(_CLOSED.search(denied) or _OR.search(denied))


def _is_of_one(text: str, cue: int, cue_end: int) -> bool:
    """Whether "without" at ``cue`` denies a single detail of what stands before it: "bulge without root contact, facet
    arthrosis"."""
    if " " in text[cue:cue_end] or _LIST.search(text, cue_end):
        return False
    return _ALL_WELL.search(text, 0, cue) is None


def is_denied_otherwise(text: str, start: int, end: int) -> bool:
    """Whether a form answers in the negative what it names at ``start`` to ``end`` ("Pneumothorax: none."), or a sentence
    takes back what it was called before ("what was called a metastasis is a bone island"), or its grade is that of the
    healthy ("Graf type I")."""
    if _NEGATIVE_ENTRY.match(text, end) or _HEALTHY.match(text, start):
        return True
    if _TAKES_BACK.search(text) and _WAS_CALLED.search(text, 0, start):
        return True
    return _ENDS.match(text, end) is not None and _ONCE_CALLED.search(text, 0, start) is not None


def says_of_it(text: str, end: int, cue: int, *, denies: bool) -> bool | None:
    """Whether a cue at ``cue`` is of the finding that ends at ``end`` before it; ``None`` where the words between do not
    tell. ``denies``: whether it is a denial."""
    if text[cue] == "?":  # "lesion with ?necrotic centre": the mark is of what follows
        follows = text[cue + 1 : cue + 2].isalnum() or (
            text[cue - 1 : cue] == " " and text[cue + 2 : cue + 3].isalnum()
        )
        return False if follows and text[max(cue - 1, 0)] in " (,;:-" else None
    between = text[end:cue]
    if not denies:
        if _DATED.match(text, cue) and (_OF_ANOTHER_TIME.search(between) or _SIZE.search(between)):
            return False
        if _THOUGH.fullmatch(between):
            return True
        return False if _LEADS_TO.fullmatch(between) or _WITH_MORE.search(between) else None
    if _ASIDE.fullmatch(between):
        return True
    if _OF_WHAT_FOLLOWS.match(text, cue) and between.endswith(" with "):
        return False
    return False if _OWN_CLAUSE.fullmatch(between) else None


def says_how_much(text: str, at: int) -> bool:
    """Whether the words at ``at`` say how large, how severe or how old what follows is: it is there."""
    return _ASSERTS.match(text, at) is not None
