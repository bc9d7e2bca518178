"""Names whose words mean another finding beside other words of an English sentence: a "filling defect" in the bile duct is a stone,
a "fatty" muscle no fatty liver."""

from __future__ import annotations

import re
from typing import NamedTuple

from caseindex.reports.lexicon import Mention


class _Rule(NamedTuple):
    concept: str
    name: re.Pattern[str]  # the words of the mention begin so
    beside: re.Pattern[str]  # words of the sentence
    meant: str


_RULES = (
    # "mandibular angle fracture and right parasymphyseal fracture"
    _Rule(
        "pelvic_fracture",
        re.compile("parasymphys|symphys", re.IGNORECASE),
        re.compile(r"\b(?:mandib|jaw|condylar neck)", re.IGNORECASE),
        "mandible_fracture",
    ),
    # "cavity in the right upper lobe: TB vs. squamous cell carcinoma"
    _Rule(
        "head_neck_cancer",
        re.compile("squamous|SCC"),
        re.compile(r"\b(?:[RL][UML]L|lung|(?:upper|lower|middle) lobe|bronch\w*|pulmonary)\b"),
        "lung_cancer",
    ),
    # "filling defect in the right lower lobe artery in keeping with PE"
    _Rule(
        "thrombosis",
        re.compile("filling defects?", re.IGNORECASE),
        re.compile(r"^(?!.*\b[Nn]o\b).*(?:\bPEs?\b|(?i:pulmonary embol))", re.DOTALL),
        "pulmonary_embolism",
    ),
    # "segmental filling defects in RLL and LLL branches"
    _Rule(
        "thrombosis",
        re.compile("filling defects?", re.IGNORECASE),
        re.compile(
            r"\bsegmental filling defect|\bfilling defects? (?:\w+ )?(?:in|within|of) (?:the )?(?:\w+ ){0,3}(?:[RL][UML]L|segmental|subsegmental|lobar|interlobar|(?:upper|lower|middle) lobe|pulmonary|lingular?)\b",
            re.IGNORECASE,
        ),
        "pulmonary_embolism",
    ),
    # mammogram: "no suspicious mass, calcifications or adenopathy"
    _Rule(
        "calcified_lymph_node",
        re.compile("(?:micro)?calcifications?$", re.IGNORECASE),
        re.compile(r"\bBI-?RADS|\bbreasts?\b|fibroglandular|mammogra|architectural distortion|asymmetr", re.IGNORECASE),
        "breast_calcification",
    ),
    # "massive L4/5 sequestrum"
    _Rule(
        "spondylodiscitis",
        re.compile("sequestr", re.IGNORECASE),
        re.compile(r"^(?!.*(?:osteomyelitis|discitis|infect))", re.IGNORECASE),
        "disc_herniation",
    ),
    # "solid nodule in the lower pole of the left thyroid lobe"
    _Rule(
        "lung_nodule",
        re.compile(
            "(?:sub-?|part-)?solid nodule|parenchymal nodule|nodular (?:density|shadow)|non-?calcified nodules?|spiculated nodule|miliary nodules",
            re.IGNORECASE,
        ),
        re.compile(r"^(?!.*\b(?:lungs?|pulmonary|[RL][UML]L)\b).*\bthyroid|\bisthmus\b", re.IGNORECASE | re.DOTALL),
        "thyroid_nodule",
    ),
    # "supraspinatus tear with Goutallier 3 fatty change", "fatty atrophy of the multifidus"
    _Rule(
        "hepatic_steatosis",
        re.compile("fatty", re.IGNORECASE),
        re.compile(
            r"\b(?:Goutallier|muscles?|muscular|multifidus|paraspinal|supraspinatus|infraspinatus|cuff|gluteus|tendon\w*|teres|psoas|vertebra\w*|marrow)\b",
            re.IGNORECASE,
        ),
        "atrophy",
    ),
    # "bladder wall trabeculated with multiple diverticula"
    _Rule(
        "diverticulum",
        re.compile("diverticul", re.IGNORECASE),
        re.compile(
            r"^(?!.*\b(?:colon\w*|sigmoid|bowel|o?esophag\w*|duoden\w*|c(?:a)?ecum|urethra\w*|calyceal|pharyn\w*)\b).*\bbladder\b",
            re.IGNORECASE | re.DOTALL,
        ),
        "bladder_diverticulum",
    ),
    # "white matter hypoattenuation, most likely small vessel ischemia"
    _Rule(
        "small_vessel_disease",
        re.compile(
            "(?!.*small|.*micro).*(?:low attenuation|hypo(?:attenuation|densit\\w+)|white matter changes?)$",
            re.IGNORECASE,
        ),
        re.compile(r"\b(?:microvascular|microangiopath\w+|small[- ]vessel)\b", re.IGNORECASE),
        "white_matter_lesion",
    ),
    # "trabecular oedema of the left breast"
    _Rule(
        "bone_marrow_edema",
        re.compile("trabecul", re.IGNORECASE),
        re.compile(r"\bbreasts?\b|^skin\b|mammogra", re.IGNORECASE),
        "edema",
    ),
    # "myxoid degeneration of the medial meniscus"
    _Rule(
        "gonarthrosis",
        re.compile("degenerat", re.IGNORECASE),
        re.compile(
            r"^(?!.*\b(?:joint|compartments?|osteoarth\w+|OA|knee degen|degenerative knee)\b).*\b(?:menisc\w+|ACL|PCL|cruciate|tendon\w*)\b",
            re.IGNORECASE | re.DOTALL,
        ),
        "degeneration",
    ),
    # "intramedullary mass of the humerus"
    _Rule(
        "spinal_cord_tumor",
        re.compile("intramedullary", re.IGNORECASE),
        re.compile(
            r"\b(?:humer\w+|fem\w+|tibia\w*|fibula\w*|radius|ulna|metaphys\w+|diaphys\w+|phalan\w+|metacarp\w+|metatars\w+)\b",
            re.IGNORECASE,
        ),
        "bone_tumor",
    ),
    # "thickening of the interatrial septum"
    _Rule(
        "interlobular_septal_thickening",
        re.compile(r".*sept", re.IGNORECASE),
        re.compile(
            r"\b(?:interatrial|interventricular|atrial|ventricular|nasal|asymmetric septal hypertrophy|cardiac) sept",
            re.IGNORECASE,
        ),
        "thickening",
    ),
    # "no feeding vessel to suggest that this consolidation is a sequestration"
    _Rule(
        "disc_herniation",
        re.compile("sequestrat", re.IGNORECASE),
        re.compile(
            r"\b(?:lungs?|lob(?:e|ar)|pulmonary|consolidation|bronch\w+|feeding|systemic arter\w+|intralobar|extralobar)\b",
            re.IGNORECASE,
        ),
        "pulmonary_sequestration",
    ),
    # "oesophageal wall thickening, biopsy proven SCC"
    _Rule(
        "head_neck_cancer", re.compile("squamous|SCC"), re.compile(r"\bo?esophag", re.IGNORECASE), "esophageal_cancer"
    ),
    _Rule(
        "head_neck_cancer",
        re.compile("squamous|SCC"),
        re.compile(r"\b(?:uter(?:us|ine)|parametri|FIGO)", re.IGNORECASE),
        "cervical_cancer",
    ),
    # "diffuse axonal injury with petechial haemorrhages"
    _Rule(
        "hemorrhagic_transformation",
        re.compile("petechia", re.IGNORECASE),
        re.compile(r"\b(?:axonal|DAI|trauma\w*|contusions?|embol\w+|vasculitis|CAA)\b", re.IGNORECASE),
        "brain_hemorrhage",
    ),
    # "late enhancement in the LAD territory, chronic infarct"
    *(
        _Rule(
            infarct,
            re.compile(""),
            re.compile(
                r"\b(?:LAD|LCx|RCA|LGE|myocardi\w+|(?:sub)?endocardial|transmural|(?:inferior|anterior|septal|lateral|apical) wall|LV|LVEF)\b(?!.*\bMCA\b)"
            ),
            "myocardial_infarction",
        )
        for infarct in ("ischemic_stroke", "old_infarct", "infarct")
    ),
    # "chronic left MCA territory infarct"
    _Rule(
        "ischemic_stroke",
        re.compile(".*infarct", re.IGNORECASE),
        re.compile(
            r"^(?!.*\bacute)(?=.*\b(?:chronic|old|remote|mature|prior)\b (?:[\w-]+ ){0,4}infarct)",
            re.IGNORECASE | re.DOTALL,
        ),
        "old_infarct",
    ),
    # "left ventricular aneurysm with a calcified wall"
    *(
        _Rule(
            brain,
            re.compile(""),
            re.compile(
                r"\b(?:left|right) ventric(?:le|ular) (?:aneurysm|pseudoaneurysm|wall|apex|apical|free wall|outflow|myocard|hypertrophy)|\bLV\b|\bRV\b|\bmyocardi",
                re.IGNORECASE,
            ),
            elsewhere,
        )
        for brain, elsewhere in (
            ("intracranial_aneurysm", "aneurysm"),
            ("intracranial_calcification", "calcification"),
            ("brain_mass", "cardiac_mass"),
        )
    ),
    # "calcified plaque at both carotid bulbs, significant stenosis only on the left"
    _Rule(
        "stenosis",
        re.compile("(?:stenos[ie]s|narrowing)", re.IGNORECASE),
        re.compile(
            r"^(?!.*\b(?:spin\w+|canal|foram\w+|renal|vertebral|basilar|subclavian|aort\w+|valv\w+|coronary|iliac|femoral|bowel|ducts?|trache\w+|LAD|pulmonary|portal|ureter\w*|MCA|M1|intracranial|sub-?glott\w+)\b).*\b(?:carotids?|ICAs?|CCAs?)\b",
            re.IGNORECASE | re.DOTALL,
        ),
        "carotid_stenosis",
    ),
    # "superficial thrombosis of the GSV"
    _Rule(
        "dvt",
        re.compile("thromb", re.IGNORECASE),
        re.compile(r"\bsuperficial (?:vein |venous |femoropopliteal )?thromb", re.IGNORECASE),
        "thrombosis",
    ),
    # "calcified plaques on the left diaphragm"
    _Rule(
        "atherosclerosis",
        re.compile(".*plaque", re.IGNORECASE),
        re.compile(
            r"^(?!.*\b(?:aort\w+|carotid|coronary|arter\w+)\b).*(?:diaphragm|pleura|asbestos)",
            re.IGNORECASE | re.DOTALL,
        ),
        "pleural_plaque",
    ),
    # "changes after right temporal lobectomy"
    _Rule(
        "pneumonectomy",
        re.compile("lobectomy", re.IGNORECASE),
        re.compile(
            r"\b(?:temporal|frontal|occipital|parietal|brain|epilepsy|gli\w+|hippocamp\w+) ?(?:lobe|lobectomy)?\b",
            re.IGNORECASE,
        ),
        "craniotomy",
    ),
    # "fracture of the medial wall, emphysema of the orbit"
    _Rule(
        "emphysema",
        re.compile("emphysema", re.IGNORECASE),
        re.compile(
            r"^(?!.*\b(?:lungs?|lob(?:e|ar)\w*|pulmonary|chest|apic\w+|bull\w+|COPD)\b).*\b(?:orbit\w*|periorbital|soft tissues?|neck|scrot\w+|fascia\w*|limb|thigh|leg)\b",
            re.IGNORECASE | re.DOTALL,
        ),
        "subcutaneous_emphysema",
    ),
    # "swollen Achilles with intrasubstance tear"
    _Rule(
        "rotator_cuff_tear",
        re.compile(r"(?!.*(?:cuff|spinatus|scapularis|SSP|ISP))", re.IGNORECASE),
        re.compile(
            r"^(?!.*\b(?:cuff|\w*spinatus|subscapularis|SSP|ISP|shoulder|footprint)\b).*\b(?:achilles|patellar|quadriceps|peroneus|peroneal|tibialis|hamstring|biceps|glute\w+|extensor|flexor)\b",
            re.IGNORECASE | re.DOTALL,
        ),
        "tendon_rupture",
    ),
    # "subepicardial enhancement of the lateral wall"
    _Rule(
        "ring_enhancement",
        re.compile(".*enhancement", re.IGNORECASE),
        re.compile(r"\b(?:sub)?(?:epi|endo)cardial\b|\bmid-?wall\b", re.IGNORECASE),
        "enhancement",
    ),
    # "the bowel wall does not enhance"
    _Rule(
        "ring_enhancement",
        re.compile(".*wall", re.IGNORECASE),
        re.compile(r"\b(?:bowel|loops?|c(?:a)?ecum|colon\w*|ile(?:um|al)|jejun\w+|mucosal)\b", re.IGNORECASE),
        "enhancement",
    ),
    # "rectal tumour, post CRT"
    _Rule(
        "pacemaker",
        re.compile("CRT"),
        re.compile(
            r"\b(?:rect\w+|tumou?rs?|Ca|cancer|carcinoma|SCC|neo-?adjuvant|cervi\w+|oesophag\w+|anal|pharyn\w+|laryn\w+|TRG|mrTRG|nodes?)\b"
        ),
        "radiotherapy",
    ),
    # "wedge-shaped defect in the spleen, likely old infarct"
    _Rule(
        "old_infarct",
        re.compile(".*infarct", re.IGNORECASE),
        re.compile(r"\bsple(?:en|nic)\b", re.IGNORECASE),
        "splenic_infarct",
    ),
    _Rule(
        "old_infarct",
        re.compile(".*infarct", re.IGNORECASE),
        re.compile(r"\b(?:kidneys?|renal)\b", re.IGNORECASE),
        "renal_infarct",
    ),
    # "CBD 9 mm without filling defect"
    _Rule(
        "thrombosis",
        re.compile("filling defects?", re.IGNORECASE),
        re.compile(
            r"^(?!.*(?:arter|vein|venous|thromb|embol|\bPE\b)).*\b(?:CBD|CHD|bile ducts?|biliary|choledoch\w*|MRCP|ERCP)\b",
            re.IGNORECASE | re.DOTALL,
        ),
        "choledocholithiasis",
    ),
    # "filling defect in the renal pelvis, urothelial tumour?"
    _Rule(
        "thrombosis",
        re.compile("filling defects?", re.IGNORECASE),
        re.compile(
            r"^(?!.*(?:arter|vein|venous|thromb|embol|\bPE\b)).*\b(?:bladder|ureter\w*|renal pelvis|caly\w+|pelvicaly\w+|colon\w*|stomach|o?esophag\w*|uter(?:us|ine))\b",
            re.IGNORECASE | re.DOTALL,
        ),
        "lesion",
    ),
)
OTHERWISE = frozenset(rule.concept for rule in _RULES)


def meant_otherwise(mention: Mention, sentence: str) -> str | None:
    """What a mention means beside the other words of its sentence; ``None`` where it means what it says."""
    for rule in _RULES:
        if rule.concept == mention.concept and rule.name.match(mention.text) and rule.beside.search(sentence):
            return rule.meant
    return None
