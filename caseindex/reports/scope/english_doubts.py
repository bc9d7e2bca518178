"""Doubts of an English sentence that are weighed against each other, are of a clause of their own, are over, or are answered."""

from __future__ import annotations

import re

# "rather than pneumonia, the opacity reflects atelectasis"
INSTEAD = re.compile(r"(?:rather than|instead of|as opposed to)\b", re.IGNORECASE)
# "r/o metastases: no suspicious lesion"
_ANSWER = re.compile(
    r"(?:\s[\w ]{0,25})?(?::|\s[-–—])\s*(?:no|none|negative|nil|not (?:seen|confirmed|identified|demonstrated|present|visible|evident|found|supported)|absent|excluded)\b",
    re.IGNORECASE,
)
_EXPLAINS = re.compile(r"(?::|\(|\s[-–—])\s*(?:[\w-]+\s+){0,2}$")
_ALTERNATIVES = re.compile(
    r",\s+(?!(?:no|not|without|but|with|and|neither|nor|free|negative|there|which|suspected|possible|either|likely|probably|possibly|perhaps|suggest\w*|consistent|compatible|favou?r\w*|due|secondary|representing|reflecting)\b)(?:[\w-]+\s+){1,2}or\b",
    re.IGNORECASE,
)
# "solitary metastasis, less likely abscess", "dissection or, less probably, vasculitis"
_OUTWEIGHS = re.compile(
    r"\s*(?:\([^()]*\))?,?(?P<or> or)?,? (?:much |far |perhaps |possibly )?less (?:likely|probably|commonly)\b(?!\s*[.;]|\s*$)",
    re.IGNORECASE,
)
_THAN = re.compile(r" (?:rather than|as opposed to)\b", re.IGNORECASE)
# "lesion, haemangioma (rather than metastasis)": a diagnosis behind what is only described
_WEIGHED = re.compile(
    r"\w[^.;]*[,:]\s+(?!(?:there|this|these|the|it|which|with|and|but|no|not|without|due)\b)(?:(?!(?:is|are|was|were|has|have|in|consistent|compatible|represents?)\b)[\w-]+ ){1,4}$",
    re.IGNORECASE,
)
_FAVOURS = re.compile(r"\b(?:favou?r(?:s|ed|ing)?|more likely|leans?|leaning)\b[^.;]*$", re.IGNORECASE)
_OWN_DOUBT = re.compile(r",\s*(?:(?!(?:or|and|nor)\b)[\w-]+\s+){0,3}$", re.IGNORECASE)
_RAISES = re.compile(r"(?:must|should|raises?|raising)\b", re.IGNORECASE)
_GIVEN_FOR = re.compile(
    r"\s*(?:diagnos[ie]s |considerations? )?(?:for|of) (?:the|this|that|these|those|an?|his|her) (?:[\w-]+ ){0,4}",
    re.IGNORECASE,
)
_GIVEN = re.compile(r":|\b(?:includes?|is|are|would|being)\b", re.IGNORECASE)
_AFTER = re.compile(
    # "likely pathological fracture through a metastasis", "possible cavitation in the RUL mass"
    r"\b(?:(?:after|following|status[- ]post|s/p)\s+(?:[\w-]+\s+){0,2}|through (?:an?|the)\s+(?:[\w-]+\s+){0,3}|\w+ (?:in|within) the (?:known |RUL |RML |RLL |LUL |LLL |left |right ){0,2})$",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"r/o|query|suspected|question(?:ed|able| of)?|queried|possible|possibility of|(?:suspicion|concern) (?:of|for)|\?|(?:to )?(?:rule out|exclude)|(?:evaluat\w+|eval|assess\w*|look|looking) (?:for|of)",
    re.IGNORECASE,
)


def raises_doubt(text: str, denial: int, doubt: int) -> bool:
    """Whether a doubt at ``doubt`` behind a denial that ends at ``denial`` is of its own clause: "in the absence of trauma must
    raise the suspicion of abuse", "ovary without flow, findings concerning for torsion"."""
    return _RAISES.match(text, doubt) is not None or _OWN_DOUBT.search(text, denial, doubt) is not None


def is_outweighed(text: str, cue: int, cue_end: int) -> bool:
    """Whether a denial at ``cue`` only weighs one doubt against another: "favour collapse rather than effusion", "cyst with
    echoes, endometrioma rather than haemorrhagic cyst"."""
    if INSTEAD.fullmatch(text, cue, cue_end) is None:
        return False
    return _FAVOURS.search(text, 0, cue) is not None or _WEIGHED.search(text, 0, cue) is not None


def opens_alternatives(text: str, start: int, end: int) -> bool:
    """Whether a list of alternatives opens with the mention: "lytic lesion: metastasis, myeloma or lymphoma"; not "opacities,
    atelectasis or pneumonia". Or whether a less likely one is told beside it."""
    if text.startswith("-like", end):  # "hypervascular focus, FNH-like"
        return True
    if _THAN.match(text, end) and _WEIGHED.search(text, 0, end + 1):
        return True
    lesser = _OUTWEIGHS.match(text, end)
    if lesser is not None and (lesser["or"] or _EXPLAINS.search(text, 0, start)):
        return True
    return _ALTERNATIVES.match(text, end) is not None and _EXPLAINS.search(text, 0, start) is not None


def is_explained(between: str, text: str, end: int) -> bool:
    """Whether the finding that ends at ``end`` is what a differential is given for: "differential for the pontine lesion:
    glioma, demyelination"."""
    return _GIVEN_FOR.fullmatch(between) is not None and _GIVEN.search(text, end) is not None


def doubt_is_over(between: str) -> bool:
    """Whether a doubt has come to what was done before: "likely physiological after cholecystectomy"."""
    return _AFTER.search(between) is not None


def is_answered(asked: str, text: str, end: int, denied_later: bool) -> bool:
    """Whether the question that the words ``asked`` put to the finding ending at ``end`` is answered in the negative:
    "r/o fracture - none seen". ``denied_later``: whether a denial that stands behind reaches the finding."""
    return _ASKS.fullmatch(asked) is not None and (denied_later or _ANSWER.match(text, end) is not None)
