"""What an English sentence only shows of a finding that it calls by name: "steeple sign suggestive of croup" doubts one croup
and asserts none, "emphysematous pyelonephritis" is no emphysema."""

from __future__ import annotations

import re
from collections.abc import Sequence

from caseindex.records import Polarity, Statement
from caseindex.reports.scope.english_repeats import is_answered

# finding -> the words that only describe one of the others, where the sentence names it
_DESCRIBES: dict[str, tuple[re.Pattern[str], frozenset[str]]] = {
    "emphysema": (
        re.compile("emphysematous", re.IGNORECASE),
        frozenset("pyelonephritis cholecystitis cystitis gastritis pancreatitis osteomyelitis aortitis".split()),
    ),
    # "nasal septum deviated to the left with a bony spur"
    "osteophyte": (re.compile(r"(?:bony )?spurs?", re.IGNORECASE), frozenset(["septal_deviation"])),
    # "ground-glass lesion of the ethmoid bone, fibrous dysplasia"
    "ground_glass": (re.compile("ground.glass", re.IGNORECASE), frozenset(["fibrous_dysplasia"])),
    # "L4-S1 fusion, hardware intact"
    "hardware": (
        re.compile("(?:surgical )?hardware|metal ?work|screws?|rods?", re.IGNORECASE),
        frozenset(["spinal_fusion"]),
    ),
    # "lucency in the parietal bone, likely a suture rather than a fracture"
    # "post clipping of an aneurysm, clip artefact"
    "surgical_clips": (
        re.compile("sutures?|(?:post )?clipping.*", re.IGNORECASE),
        frozenset(["skull_fracture", "fracture", "craniosynostosis", "lytic_lesion", "aneurysm_clip"]),
    ),
    # "calcified left hilar and subcarinal nodes"
    "mediastinal_lymphadenopathy": (
        re.compile(r"(?!.*(?:enlarge|adenopathy)).*nodes?", re.IGNORECASE),
        frozenset(["calcified_lymph_node"]),
    ),
    # "discitis with endplate destruction"
    # "erosions along both sacroiliac joints, active sacroiliitis"
    "lytic_lesion": (
        re.compile(
            "(?:(?:end-?plate|bony|bone|articular|erosive|marginal|juxta-?articular|cortical|subchondral) )*(?:destruction|erosions?|irregularity|erosive)(?: and .*)?",
            re.IGNORECASE,
        ),
        frozenset(
            "spondylodiscitis sacroiliitis rheumatoid_arthritis psoriatic_arthritis septic_arthritis gastritis esophagitis peptic_ulcer ankylosing_spondylitis gout osteomyelitis".split()
        ),
    ),
    # "dilated appendix with wall enhancement"
    "ring_enhancement": (
        re.compile(r"(?=.*\bwall\b).*|.*margin", re.IGNORECASE),
        frozenset(
            "appendicitis cholecystitis bowel_obstruction colitis enteritis crohn cystitis diverticulitis bowel_ischemia craniotomy".split()
        ),
    ),
    # "orbital floor fracture with herniation of fat"
    "hernia": (
        re.compile("herniat.*", re.IGNORECASE),
        frozenset(["facial_fracture", "disc_herniation", "brain_herniation"]),
    ),
    # "coarse liver, perisplenic varices: portal hypertension"
    "cirrhosis": (
        re.compile("coarse(?:ned)? (?:liver|hepatic)(?: (?:echo)?texture)?", re.IGNORECASE),
        frozenset(["portal_hypertension"]),
    ),
    # "enlarged ovary, whirlpool sign: torsion"
    "volvulus": (
        re.compile("whirl(?:pool)? sign|twisted pedicle", re.IGNORECASE),
        frozenset(["ovarian_torsion", "testicular_torsion", "torsion"]),
    ),
    # "retracted supraspinatus tear, fatty infiltration"
    "hepatic_steatosis": (
        re.compile("fatty infiltration", re.IGNORECASE),
        frozenset("rotator_cuff_tear tendinosis tendon_rupture muscle_tear atrophy".split()),
    ),
    "hypertrophy": (
        re.compile(".*(?:flavum|flaval|facet).*", re.IGNORECASE),
        frozenset(["spinal_stenosis", "facet_arthropathy"]),
    ),
    # "reticulation and honeycombing, a UIP pattern"
    "interstitial_lung_disease": (
        re.compile("(?:subpleural |basal )*reticulation", re.IGNORECASE),
        frozenset(["pulmonary_fibrosis"]),
    ),
    # "meniscal tear with extrusion"
    "disc_herniation": (re.compile("(?:with )?extru(?:sion|ded)", re.IGNORECASE), frozenset(["meniscal_tear"])),
    "lesion": (re.compile("lesions?", re.IGNORECASE), frozenset(["crohn"])),  # "skip lesions"
    # "erosions and joint space loss of the MCPs, RA"
    "osteoarthritis": (
        re.compile("joint space (?:loss|narrowing)|loss of joint space|narrowed joint spaces?", re.IGNORECASE),
        frozenset(
            "rheumatoid_arthritis psoriatic_arthritis septic_arthritis gout coxarthrosis gonarthrosis avn arthritis sacroiliitis".split()
        ),
    ),
    # "cutoff of the M1 segment, i.e. occlusion"
    "occlusion": (
        re.compile("occlu(?:sion|ded)", re.IGNORECASE),
        frozenset(
            ["intracranial_occlusion", "carotid_occlusion", "vertebral_artery_occlusion", "peripheral_artery_disease"]
        ),
    ),
    # "cystic nodule of the thyroid"
    "cyst": (
        re.compile("cystic", re.IGNORECASE),
        frozenset(
            "thyroid_nodule renal_mass ovarian_mass pancreatic_mass brain_mass liver_mass brain_tumor glioma adrenal_mass parotid_tumor".split()
        ),
    ),
    # "cystic mass in the pancreatic tail"
    **{
        cyst: (re.compile("cystic", re.IGNORECASE), frozenset([mass]))
        for cyst, mass in (
            ("pancreatic_cyst", "pancreatic_mass"),
            ("renal_cyst", "renal_mass"),
            ("ovarian_cyst", "ovarian_mass"),
            ("liver_cyst", "liver_mass"),
        )
    },
    # "Fazekas 2 white matter changes"
    "white_matter_lesion": (
        re.compile("white matter (?:disease|changes?|signal changes?)", re.IGNORECASE),
        frozenset(["small_vessel_disease"]),
    ),
    # "complex adnexal cyst, O-RADS 4"
    "ovarian_mass": (
        re.compile("O-?RADS.*", re.IGNORECASE),
        frozenset(["ovarian_cyst", "endometrioma", "ovarian_teratoma", "ovarian_cancer"]),
    ),
    # "mass-like opacity in the lingula"
    "lung_mass": (re.compile("mass-?like.*", re.IGNORECASE), frozenset(["lung_opacity", "consolidation"])),
    # "spine and multilevel disc degeneration"
    "degenerative_spine": (re.compile(".*disc degenerat.*", re.IGNORECASE), frozenset(["disc_disease"])),
}
# "meniscal degeneration but no tear", "sludge without stones"
_LESSER = re.compile("degenerat|sludge", re.IGNORECASE)
_A_PART = re.compile("flail|ureter", re.IGNORECASE)  # "rib fractures, no flail segment"
_SIGN = re.compile(
    r"\bsigns?\b|filling defects?|ileitis|\bappendix\b|lucent line|loss of (?:the )?(?:gr[ae]y|insular)|insular ribbon|lentiform|cortical (?:step|break|buckl)|blunt(?:ing|ed)",
    re.IGNORECASE,
)  # "filling defect: thrombus vs. granulation"


def described_only(found: Sequence[Statement], names: Sequence[str]) -> set[int]:
    """The numbers of those of ``found`` that say no more than another one. ``names``: the words that each was found by."""
    told = {made.finding for made in found}
    dropped: set[int] = set()
    for number, (made, name) in enumerate(zip(found, names, strict=True)):
        words, others = _DESCRIBES.get(made.finding, (None, frozenset()))
        if words is not None and words.fullmatch(name) and not told.isdisjoint(others):
            dropped.add(number)
        if _LESSER.search(name) and any(
            denied.finding == made.finding and denied.polarity is Polarity.ABSENT for denied in found
        ):
            dropped.add(number)
        if (
            made.polarity is Polarity.ABSENT
            and _A_PART.search(name)
            and any(there.finding == made.finding and there.polarity is Polarity.PRESENT for there in found)
        ):
            dropped.add(number)
        if made.polarity is Polarity.UNCERTAIN and not made.historical and is_answered(made, found[number + 1 :]):
            dropped.add(number)
        if (
            made.polarity is Polarity.PRESENT
            and _SIGN.search(name)
            and any(
                doubt.finding == made.finding and doubt.polarity is Polarity.UNCERTAIN and not _SIGN.search(called)
                for doubt, called in zip(found[number + 1 :], names[number + 1 :], strict=True)
            )
        ):
            dropped.add(number)
    return dropped
