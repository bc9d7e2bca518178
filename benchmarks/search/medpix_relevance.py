"""Which brain cases of the medpix2 pack answer which question: explicit rules, written without looking at the lexicon.

A case is relevant where its diagnosis matches ``pattern``, or where a sentence of its captions or findings matches it and
does not deny, doubt or date it (``NOT_ASSERTED``). The history and the discussion do not count. ``diagnosis_only``
questions ask for a disease: what a caption of another disease mentions on the way does not make a case of it. ``besides``
lists patients whom a reading by eye added, ``never`` those whom it took out, each with its reason.

    python benchmarks/search/medpix_relevance.py ../shared/data/medpix2/manifest.csv [--body-part HEAD]

prints how many cases answer each question; ``benchmarks/search/run.py`` imports :func:`relevant_patients`.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

NOT_ASSERTED = re.compile(
    r"\b(?:no|not|without|absen\w+|negative|denies|exclud\w+|rule[sd]? out|r/o|versus|vs|differential|consider\w*|"
    r"suggest\w* (?:against)|unlikely|mimic\w*|question of|normal|resol\w+|free of|or)\b",
    re.IGNORECASE,
)
_PART = re.compile(r"^(Caption|History|Findings|Diagnosis):", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")


@dataclass(frozen=True)
class Question:
    name: str
    russian: str
    english: str
    chinese: str
    pattern: str
    diagnosis_only: bool = False
    besides: Mapping[str, str] = field(default_factory=dict)
    never: Mapping[str, str] = field(default_factory=dict)


_BLEED = r"(?:ha?emorrhag\w*|bleed\w*|ha?ematoma\w*|blood products?|blood)"

QUESTIONS = (
    Question(
        "ischaemic stroke",
        "ишемический инсульт",
        "acute ischemic stroke",
        "缺血性脑卒中",
        r"\binfarct\w*|isch[ae]+mic (?:stroke|stoke)|\bstroke\b",
    ),
    Question(
        "intracranial haemorrhage",
        "внутричерепное кровоизлияние",
        "intracranial hemorrhage",
        "颅内出血",
        rf"{_BLEED}",
    ),
    Question("hydrocephalus", "гидроцефалия", "hydrocephalus", "脑积水", r"hydroceph\w*|ventriculomegal\w*"),
    Question("meningioma", "менингиома", "meningioma", "脑膜瘤", r"meningioma", diagnosis_only=True),
    Question(
        "glioma",
        "глиальная опухоль головного мозга",
        "glioma of the brain",
        "脑胶质瘤",
        r"glioma|astrocytoma|glioblastoma|oligodendro|ependymom",
        diagnosis_only=True,
    ),
    Question(
        "arteriovenous malformation",
        "артериовенозная мальформация",
        "arteriovenous malformation",
        "动静脉畸形",
        r"arteriovenous malformation|\bAVM",
    ),
    Question(
        "sellar region mass",
        "образование хиазмально-селлярной области",
        "sellar or suprasellar mass",
        "鞍区肿瘤",
        r"pituitary\W+(?:\w+\W+){0,3}(?:\w*adenoma|mass|tumou?r|lesion)|growth hormone adenoma|craniopharyngioma|"
        r"(?:sella\w*|suprasellar|parasellar)\W+(?:\w+\W+){0,5}(?:mass|tumou?r|lesion|cyst)|"
        r"(?:mass|tumou?r|lesion|cyst)\W+(?:\w+\W+){0,6}(?:sella\w*|suprasellar)|chordoid glioma",
    ),
    Question(
        "epidermoid or dermoid",
        "эпидермоидная киста",
        "epidermoid cyst",
        "表皮样囊肿",
        r"epidermoid|dermoid",
        diagnosis_only=True,
    ),
    Question("mass effect", "масс-эффект", "mass effect", "占位效应", r"mass effect|midline shift"),
    Question(
        "cerebral oedema",
        "отёк головного мозга",
        "vasogenic edema in the brain",
        "脑水肿",
        r"\bo?edema\w*",
        besides={
            "mpx-MPX1601": "edema of the insula; the sentence goes on to deny blood",
            "mpx-MPX1754": "edema around the haematoma; the sentence holds an `or`",
        },
    ),
    Question(
        "intracranial calcification",
        "обызвествления в головном мозге",
        "intracranial calcifications",
        "颅内钙化",
        r"calcif\w+",
    ),
    Question(
        "restricted diffusion",
        "ограничение диффузии на ДВИ",
        "restricted diffusion on DWI",
        "弥散受限",
        r"restrict\w*\W+(?:\w+\W+){0,2}diffusion|diffusion\W+(?:\w+\W+){0,2}restrict\w*",
    ),
    Question(
        "posterior fossa tumour",
        "опухоль мозжечка",
        "cerebellar tumor",
        "小脑肿瘤",
        r"(?:cerebell\w+|posterior fossa|vermi\w+)\W+(?:\w+\W+){0,4}(?:mass|tumou?r|neoplasm|astrocytoma|"
        r"h(?:a)?emangioblastoma|medulloblastoma)|(?:mass|tumou?r|neoplasm|lesion)\W+(?:\w+\W+){0,6}(?:cerebell\w+|"
        r"posterior fossa|vermi\w+)|medulloblastoma|hemangioblastoma",
    ),
    Question(
        "brainstem lesion",
        "поражение ствола мозга",
        "brainstem lesion",
        "脑干病变",
        r"(?:pons|pontine|brain ?stem|medulla\b|medullary|midbrain)",
    ),
    Question(
        "orbital mass",
        "образование орбиты",
        "orbital mass",
        "眼眶肿块",
        r"(?:orbit\w*|intraconal|extraconal|retrobulbar|optic nerve)\W+(?:\w+\W+){0,4}(?:mass|tumou?r|lesion|glioma\w*|"
        r"hemangioma|lymphoma|osteoma)|(?:mass|tumou?r|lesion)\W+(?:\w+\W+){0,5}(?:orbit\w*|intraconal|retrobulbar|"
        r"optic nerve)",
        besides={"mpx-MPX1084": "melanoma of the globe that grows into the retro-ocular tissues"},
    ),
    Question(
        "intraventricular tumour",
        "опухоль желудочка мозга",
        "intraventricular tumor",
        "脑室内肿瘤",
        r"(?:intraventricular|ventric\w+)\W+(?:\w+\W+){0,3}(?:mass|tumou?r|neoplasm|lesion)|(?:mass|tumou?r|neoplasm|"
        r"lesion)\W+(?:\w+\W+){0,5}ventric\w+|choroid plexus (?:papilloma|carcinoma)|subependymoma|ependymoma|"
        r"colloid +cyst|subependymal giant",
    ),
    Question(
        "ring enhancement",
        "образование с кольцевидным накоплением контраста",
        "ring-enhancing lesion",
        "环形强化病灶",
        r"(?:ring|rim|peripheral\w*)[- ]*(?:\w+\W+){0,2}enhanc\w*|enhanc\w*\W+(?:\w+\W+){0,2}(?:ring|rim)\b",
        never={"mpx-MPX2324": "a fluid collection of the neck"},
    ),
    Question(
        "white matter disease",
        "очаги в белом веществе головного мозга",
        "white matter lesions",
        "脑白质病变",
        r"(?<!gray[/-])(?<!gray )white matter (?!differ|discrim|cleft)|demyelinat\w*|multiple sclerosis|leukodystroph\w*|leukoenceph\w*",
        besides={
            "mpx-MPX1007": "numerous periventricular and deep white matter intensities; the sentence holds a `not`"
        },
    ),
    Question(
        "basal ganglia lesion",
        "поражение базальных ганглиев",
        "basal ganglia lesion",
        "基底节病变",
        r"basal ganglia|putam\w+|caudate|lentiform|globus pallidus",
    ),
    Question(
        "extra-axial mass",
        "внемозговое образование",
        "extra-axial mass",
        "脑外肿块",
        r"extra[- ]?axial\W+(?:\w+\W+){0,4}(?:mass|tumou?r|lesion)|(?:mass|tumou?r|lesion)\W+(?:\w+\W+){0,4}extra[- ]?axial|"
        r"dural[- ]based (?:mass|lesion|tumou?r)|(?:mass|lesion|tumou?r) (?:\w+ ){0,3}based in the dura|meningioma|schwannoma|"
        r"epidermoid",
    ),
)


def sections(report: str) -> dict[str, str]:
    """Section name -> text of a report of the pack."""
    marks = list(_PART.finditer(report))
    ends = [mark.start() for mark in marks[1:]] + [len(report)]
    return {mark.group(1): report[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)}


def cases(manifest: Path, body_part: str | None) -> dict[str, dict[str, set[str]]]:
    """Patient -> {"diagnosis": texts, "asserted": sentences of captions and findings}."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: {"diagnosis": set(), "asserted": set()})
    with manifest.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if body_part and row["body_part"] != body_part:
                continue
            case = found[row["patient_id"]]
            parts = sections(row["report"])
            case["diagnosis"] |= {row["labels"].split(";")[-1], parts.get("Diagnosis", "")}
            for name in ("Caption", "Findings"):
                case["asserted"] |= {
                    sentence for sentence in _SENTENCE.split(parts.get(name, "")) if not NOT_ASSERTED.search(sentence)
                }
    return found


def relevant_patients(question: Question, found: Mapping[str, Mapping[str, Iterable[str]]]) -> set[str]:
    pattern = re.compile(question.pattern, re.IGNORECASE)
    fields = ("diagnosis",) if question.diagnosis_only else ("diagnosis", "asserted")
    matched = {
        patient
        for patient, case in found.items()
        if any(pattern.search(text) for name in fields for text in case[name])
    }
    return (matched | (set(question.besides) & set(found))) - set(question.never)


if __name__ == "__main__":
    part = sys.argv[sys.argv.index("--body-part") + 1] if "--body-part" in sys.argv else "HEAD"
    everything = cases(Path(sys.argv[1]), part)
    print(f"{len(everything)} cases")
    for one in QUESTIONS:
        print(f"{len(relevant_patients(one, everything)):4d}  {one.name}")
