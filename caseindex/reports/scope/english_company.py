"""What an English sentence says of an organ without the name of a finding: a denial that only means something beside a disease
("pancreatitis without necrosis"), and a size beyond the normal ("spleen 16 cm")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from caseindex.reports.lexicon import Mention
from caseindex.reports.scope.english_meanings import ambiguous, as_meant

# "SDH with 5 mm shift to the right"
_SHIFT = (
    re.compile(r"(?<!chemical )(?<!pivot )(?<!mediastinal )\bshift\b(?! of the mediast)", re.IGNORECASE),
    "midline_shift",
)
# "Kerley B lines, in keeping with failure"
_FAILS = (
    re.compile(
        r"(?:(?<=keeping with )|(?<=consistent with )|(?<=compatible with )|(?<=suggestive of )|(?<=mild )|(?<=early )|(?<=overt )|(?<=signs of )|(?<=evidence of ))failure\b",
        re.IGNORECASE,
    ),
    "heart_failure",
)
# "whiteout of the left hemithorax, collapse rather than effusion"
_LUNG_COLLAPSES = (
    re.compile(
        r"(?<!RA )(?<!RV )(?<!IVC )(?<!atrial )(?<!vertebral )(?<!ventricular )\bcollapse\b(?! of (?:the )?(?:[TL]\d|vertebra|IVC|femoral))",
        re.IGNORECASE,
    ),
    "atelectasis",
)
# finding -> (a word, what it means beside that finding)
_BESIDE: dict[str, tuple[re.Pattern[str], str]] = {
    "pancreatitis": (re.compile(r"\bnecrosis\b", re.IGNORECASE), "pancreatic_necrosis"),
    # "right hip Graf type I, on the left dysplasia is suspected"
    "hip_dysplasia": (re.compile(r"\bdysplasia\b", re.IGNORECASE), "hip_dysplasia"),
    # "retrolisthesis, no lysis"
    "spondylolisthesis": (re.compile(r"\b(?<!osteo)lysis\b", re.IGNORECASE), "spondylolysis"),
    **dict.fromkeys(
        "lung_opacity mediastinal_shift consolidation airspace_disease pneumothorax".split(), _LUNG_COLLAPSES
    ),
    # "pars defects without slip"
    "spondylolysis": (re.compile(r"\bslip(?:page)?\b", re.IGNORECASE), "spondylolisthesis"),
    **dict.fromkeys(
        "sdh chronic_sdh edh brain_hemorrhage ischemic_stroke posterior_infarct brain_mass brain_tumor glioma glioblastoma sah intracranial_hemorrhage".split(),
        _SHIFT,
    ),
    **dict.fromkeys(
        "cardiomegaly pulmonary_edema pulmonary_congestion interlobular_septal_thickening pleural_effusion".split(),
        _FAILS,
    ),
    # "cord displaced by a disc, but no frank compression"
    "spinal_cord": (
        re.compile(r"\bno (?:frank |definite |significant )?compression(?=\s*[.,;]|$)", re.IGNORECASE),
        "cord_compression",
    ),
}
# anatomy -> (what follows its name, cm from which it is too large, what it is then called)
_SIZE = r"(?:,? (?:measur(?:es|ing)|size|span|length|is|of|at|up to|approx(?:imately)?|about))*:?,? (?P<size>\d{1,3}(?:\.\d)?) ?(?P<unit>cm|mm)\b(?! ?[x×])"
_MEASURED: dict[str, tuple[re.Pattern[str], float, str]] = {
    "spleen": (re.compile(_SIZE, re.IGNORECASE), 13.0, "splenomegaly"),
    "thoracic_aorta": (re.compile(_SIZE, re.IGNORECASE), 4.0, "aortic_ectasia"),
}
# "4.6 cm ascending aorta"
_SIZED = re.compile(r"(?P<size>\d{1,3}(?:\.\d)?) ?(?P<unit>cm|mm) $")
_NAMED = {
    "splenomegaly": frozenset(["splenomegaly"]),
    "aortic_ectasia": frozenset(["aortic_ectasia", "aortic_aneurysm"]),
}

# a word or a size of those above: most sentences hold none
_MAY_TELL = re.compile(r"necrosis|compression|shift|failure|collapse|slip|lysis|dysplasia|\d ?[cm]m", re.IGNORECASE)
_TELLING = frozenset([*_BESIDE, *_MEASURED])


def in_company(here: Sequence[Mention], text: str, start: int) -> Sequence[Mention]:
    """The mentions ``here`` of a sentence ``text``, which begins at ``start`` of its report, and those that they make of it."""
    concepts = [mention.concept for mention in here]
    if not ambiguous().isdisjoint(concepts):
        here = as_meant(here, text, start)
    if _TELLING.isdisjoint(concepts) or _MAY_TELL.search(text) is None:
        return here
    more = list(_companions(here, text, start))
    return sorted([*here, *more], key=lambda mention: mention.start) if more else here


def _companions(here: Sequence[Mention], text: str, start: int) -> Iterator[Mention]:
    for mention in here:
        beside = _BESIDE.get(mention.concept)
        if beside is not None:
            yield from _beside(here, text, start, *beside)
        measured = _MEASURED.get(mention.concept)
        if measured is not None:
            pattern, limit, concept = measured
            size = pattern.match(text, mention.end - start) or _SIZED.search(text, 0, mention.start - start)
            named = any(other.concept in _NAMED[concept] for other in here)
            if size and not named and _centimetres(size) >= limit:
                yield _mention(concept, text, start, mention.start - start, max(size.end(), mention.end - start))


def _centimetres(size: re.Match[str]) -> float:
    return float(size["size"]) / (10 if size["unit"].lower() == "mm" else 1)


def _beside(here: Sequence[Mention], text: str, start: int, word: re.Pattern[str], concept: str) -> Iterator[Mention]:
    for match in word.finditer(text):
        if not any(other.start - start < match.end() and other.end - start > match.start() for other in here):
            yield _mention(concept, text, start, *match.span())
            return


def _mention(concept: str, text: str, start: int, a: int, b: int) -> Mention:
    return Mention(concept, start + a, start + b, text[a:b])
