"""Names that are no finding beside other words of an English sentence: "body mass index", "tethering of the rectosigmoid"."""

from __future__ import annotations

import re

from caseindex.reports.lexicon import Mention

# concept -> (the words of its name, words of the sentence beside which they name nothing)
_NAMES_NOTHING: dict[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    # "endometriosis with tethering of the rectosigmoid"
    "tethered_cord": (
        re.compile("tether", re.IGNORECASE),
        re.compile(r"^(?!.*\b(?:cord|conus|filum|spin\w+|lipoma|dysraphi\w+|[LTS]\d)\b)", re.IGNORECASE | re.DOTALL),
    ),
    # "post TIPS, shunt patent"
    "vp_shunt": (
        re.compile("shunt", re.IGNORECASE),
        re.compile(
            r"\b(?:TIPS+|dialysis|porto\w+|portal|splenorenal|hepatic|fistula|intracardiac|right-to-left|left-to-right|pulmonary)\b",
            re.IGNORECASE,
        ),
    ),
    # "sclerotic line in the femoral neck"
    "central_line": (
        re.compile(".*line", re.IGNORECASE),
        re.compile(
            r"^(?!.*\b(?:catheter|CVC|PICC|tip|venous|tunnel\w+|dialysis|IJ|jugular|subclavian|port)\b).*\b(?:sclerotic|fracture|lucent|hypointense|joint|growth arrest) lines?\b",
            re.IGNORECASE | re.DOTALL,
        ),
    ),
    # "according to a PE/DVT protocol"
    "pulmonary_embolism": (re.compile("PE$"), re.compile(r"\bPE/DVT (?:protocol|study)")),
    "dvt": (re.compile("DVT$"), re.compile(r"\bPE/DVT (?:protocol|study)|\bDVT (?:protocol|study performed)")),
    # "compression type fracture of the calcaneus"
    "compression_fracture": (
        re.compile("compression", re.IGNORECASE),
        re.compile(
            r"^(?!.*\b(?:[CTL]\d|vertebra\w*|spin\w+|lumbar|thoracic|end-?plates?)\b).*\b(?:calcane\w+|tal(?:us|ar)|cuboid|humer\w+|plateau|navicular)\b",
            re.IGNORECASE | re.DOTALL,
        ),
    ),
    # "biceps subluxed medially"
    "shoulder_dislocation": (
        re.compile(".*sublux", re.IGNORECASE),
        re.compile(
            r"^(?!.*\b(?:humer\w+|glenohumeral|GHJ?|shoulder (?:sub|dis)|acromioclavicular|ACJ?)\b).*\bbiceps\b",
            re.IGNORECASE | re.DOTALL,
        ),
    ),
    # "lytic lesion with a narrow zone of transition"
    "stenosis": (
        re.compile("narrow", re.IGNORECASE),
        re.compile(r"\bnarrow(?:-| )(?:zone|neck|necked|base|based|waist|band|complex|window)\b", re.IGNORECASE),
    ),
    # "cystic lesion of the pancreatic tail, no main duct dilatation"
    "biliary_dilatation": (
        re.compile(r"(?!.*\b(?:bil\w+|CBD|hepatic|intrahepatic|common)\b)", re.IGNORECASE),
        re.compile(
            r"^(?!.*\b(?:bil\w+|CBD|bile|intrahepatic|double duct)\b).*\b(?:pancrea\w+|IPMN|MPD)\b",
            re.IGNORECASE | re.DOTALL,
        ),
    ),
    # "pulmonary arteries well opacified without filling defects"
    "lung_opacity": (
        re.compile("opacifi", re.IGNORECASE),
        re.compile(
            r"\b(?:arter(?:y|ies|ial)|veins?|venous|vessels?|sinus(?:es)?|contrast|bolus|aort\w+|ureters?|trunk)\b[^,;.]* (?:well|fully|normally|adequately|poorly|suboptimally|homogeneously|not|incompletely)[- ]?(?:\w+ )?opacifi|\b(?:well|adequate(?:ly)?|suboptimal(?:ly)?|good|poor(?:ly)?|satisfactory|contrast|vascular|arterial|venous)[- ]opacifi",
            re.IGNORECASE,
        ),
    ),
    # "trauma series: no free fluid"
    "injury": (
        re.compile("trauma", re.IGNORECASE),
        re.compile(
            r"\btrauma (?:series|protocol|CT|scan|survey|call|team|study|views?|x-?rays?|films?)\b", re.IGNORECASE
        ),
    ),
    # "femoropopliteal bypass graft occluded"
    "sternotomy": (
        re.compile(".*bypass", re.IGNORECASE),
        re.compile(r"\b(?:SFA|femor\w+|popliteal|iliac|fem-?pop|tibial|leg|gastric|jejun\w+|ileal)\b", re.IGNORECASE),
    ),
    # "cyst in the left breast, aspiration suggested"
    "aspiration_pneumonia": (
        re.compile("aspirat", re.IGNORECASE),
        re.compile(
            r"^(?!.*\b(?:lungs?|pneumoni\w+|pulmonary|bronch\w+|basal|bibasal|basilar|lower lobes?|consolidation|opacit\w+)\b).*(?:\b(?:needle|fine-needle|FNA|joint|breast|thyroid|knee|hip|cysts?|abscess|guided)\b|aspiration (?:is |was |may be )?(?:suggested|advised|recommended|performed|attempted))",
            re.IGNORECASE | re.DOTALL,
        ),
    ),
    # "hepatic vein dilatation, congestive hepatopathy"
    "pulmonary_congestion": (
        re.compile("congest", re.IGNORECASE),
        re.compile(
            r"congestive hepatopath|hepatic congestion|congested liver|congestion of the (?:liver|bowel|spleen)|pelvic congestion",
            re.IGNORECASE,
        ),
    ),
    # "tracheal stenosis after prolonged intubation"
    "ett": (
        re.compile("intubat", re.IGNORECASE),
        re.compile(
            r"\b(?:after|following|prolonged|previous|prior|post) (?:[\w-]+ )?intubation\b|\bpost-?intubation\b",
            re.IGNORECASE,
        ),
    ),
    # "right lens dislocated"
    "dislocation_joint": (
        re.compile(".*(?:disloc|sublux)", re.IGNORECASE),
        re.compile(r"\blens(?:es)?\b|\bectopia lentis\b", re.IGNORECASE),
    ),
    # "the lesion is centered on the midline"
    "midline_shift": (
        re.compile(r"cent(?:ere|re)d (?:on|off|in|at|along)\b|intact midline$", re.IGNORECASE),
        re.compile(""),
    ),
    # "normal flow voids are maintained"
    "flow_void": (
        re.compile("(?:normal |intra\\w+ |vascular |major )*flow", re.IGNORECASE),
        re.compile(
            r"\b(?:normal|preserved|maintained|patent|expected) (?:[\w-]+ ){0,3}flow[- ]voids?|flow[- ]voids? (?:[\w-]+ ){0,5}(?:normal|preserved|maintained|intact|unremarkable)",
            re.IGNORECASE,
        ),
    ),
    # "body mass index", "fusion mass", "reduced muscle mass"
    "mass": (
        re.compile("mass$", re.IGNORECASE),
        re.compile(r"\b(?:body|fusion|muscle|bone|lean|red cell|lv|ventricular) mass\b|\bmass index\b", re.IGNORECASE),
    ),
    # "loss of flow-related enhancement in the vertebral artery"
    "enhancement": (re.compile("enhance", re.IGNORECASE), re.compile(r"\bflow-related\b", re.IGNORECASE)),
    # "prostate with median lobe protrusion", "protrusion of the acetabulum"
    "disc_protrusion": (
        re.compile(r"protru", re.IGNORECASE),
        re.compile(
            r"^(?!.*\bdis[ck]).*\b(?:prostat\w+|bladder|acetabul\w+|hips?|orbit\w*|globes?|eyes?|tongue)\b",
            re.IGNORECASE | re.DOTALL,
        ),
    ),
}
NAMING_NOTHING = frozenset(_NAMES_NOTHING)


def names_nothing(mention: Mention, sentence: str) -> bool:
    """Whether the words of a mention are no finding beside the other words of its sentence."""
    name, beside = _NAMES_NOTHING.get(mention.concept, (None, None))
    return bool(name and beside and name.match(mention.text) and beside.search(sentence))
