"""English stems: British spelling and Latin plurals made one, then Porter2 (Porter 2001, by PyStemmer)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_SPELLING = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("^haem", "hem"),
        ("haem", "hem"),
        ("rrhag", "rrhag"),
        ("^oedem", "edem"),
        ("oedem", "edem"),
        ("ischaem", "ischem"),
        ("anaem", "anem"),
        ("^oesoph", "esoph"),
        ("oesoph", "esoph"),
        ("paed", "ped"),
        ("orthopaed", "orthoped"),
        ("caec", "cec"),
        ("faec", "fec"),
        ("foet", "fet"),
        ("gynaec", "gynec"),
        ("leuk?aem", "leukem"),
        ("tumour", "tumor"),
        ("colour", "color"),
        ("fibre$", "fiber"),
        ("fibres$", "fibers"),
        ("centre", "center"),
        ("litre", "liter"),
        ("grey", "gray"),
        ("aneurism", "aneurysm"),
        ("sulph", "sulf"),
        ("coeliac", "celiac"),
        ("dyspnoea", "dyspnea"),
        ("apnoea", "apnea"),
        ("diarrhoea", "diarrhea"),
        ("manoeuv", "maneuv"),
        ("goitre", "goiter"),
        ("isation", "ization"),
        ("(?<!bru)(?<!ra)(?<!r)ising$", "izing"),
        ("ised$", "ized"),
        ("yse(d?)$", r"yze\1"),
        ("aetiolog", "etiolog"),
        ("mould", "mold"),
        ("calibre", "caliber"),
        ("dilation", "dilatation"),
    )
]

_PLURALS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("^(metasta|steno|diagno|throm?bo|sclero|necro|fibro|anastomo|prosthe|kypho|scolio|lordo)ses$", r"\1sis"),
        ("([a-z]{3,}(?:o|a|e|y))ses$", r"\1sis"),
        (
            "(vertebr|bull|burs|fistul|scapul|clavicul|fibul|tibi|ul?n|pleur|lamin|cistern|maxill|aort|patell)ae$",
            r"\1a",
        ),
        ("([a-z]{3,})ae$", r"\1a"),
        (
            "^(calcul|thromb|embol|foc|bronch|menisc|sulc|gyr|hil|loc|ram|nucle|fung|sin|plex|humer|radi|uter)i$",
            r"\1us",
        ),
        ("^(diverticul|atri|septa?|ov|infundibul|osti|acetabul|cerebell|ili|cran|duoden|haustr|hil)a$", r"\1um"),
        ("^(appendi|matri|corte|verte|ape|indi)ces$", r"\1x"),
        ("^(stigma|carcino|lipo|myo|adeno|hemato|angio|granulo|fibro|sarco|sero|mela?no|melano)mata$", r"\1ma"),
        ("^phalanges$", "phalanx"),
        ("^meninges$", "meninge"),
        ("^feet$", "foot"),
        ("^teeth$", "tooth"),
        ("^foramina$", "foramen"),
        ("^lumina$", "lumen"),
        ("^criteria$", "criterion"),
        ("^bronchioli$", "bronchiole"),
        ("^(cyst|duct|lung|kidney|hilar)s$", r"\1"),
    )
]
# Words in -ses that are no Greek plurals.
_NOT_GREEK = frozenset("cases masses abscesses diseases increases decreases uses causes senses releases phases".split())
# Porter would make one of "sacralization" and "sacral", of "abnormality" and "abnormal".
_WHOLE = {
    "obstructing": "obstructing",
    "embolization": "embolization",
    "embolisation": "embolization",
    "occluder": "occluder",
    "perforator": "perforator",
    "perforators": "perforator",
    "occlusive": "occlusive",
    "nonocclusive": "nonocclusive",
    "sacralization": "sacralization",
    "abnormality": "abnormality",
    "abnormalities": "abnormality",
    # nor of "pathology" and "pathologically", "infiltrative" and "infiltrate", "secondaries" and "secondary"
    "pathology": "pathology",
    "pathologies": "pathology",
    "infiltrative": "infiltrative",
    "infiltrating": "infiltrative",
    "secondaries": "secondaries",
    "impinges": "impinge",
    "lumbarization": "lumbarization",
    "lumbarisation": "lumbarization",
    "impinging": "impinge",
}
# Most words match none of the patterns above: one look spares them the list.
_MAY_DIFFER = re.compile(
    "ae|oe|our|re|gre|leuk|aneur|sulph|isation|ised|ising|lation|mould|rrhag|yse|(?:ses|i|a|ces|es|s|feet|teeth)$"
)


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("english")


def american(word: str) -> str:
    """A word in lower case in American spelling.

    >>> american("haemorrhage")
    'hemorrhage'
    """
    if not _MAY_DIFFER.search(word):
        return word
    for pattern, replacement in _SPELLING:
        word = pattern.sub(replacement, word)
    return word


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The stem of a word in lower case; the same for British and American spelling, singular and plural.

    >>> stem("haemorrhages") == stem("hemorrhage"), stem("metastases") == stem("metastasis")
    (True, True)
    """
    if word in _WHOLE:
        return _WHOLE[word]
    if word.endswith("itis"):
        return word
    if len(word) > 4 and word.isascii() and _MAY_DIFFER.search(word):
        word = american(word)
        if word not in _NOT_GREEK:
            for pattern, replacement in _PLURALS:
                singular, count = pattern.subn(replacement, word)
                if count:
                    word = singular
                    break
    return str(_stemmer().stemWord(word))
