"""An examination's free-text report: description and conclusion, in Russian, English or Chinese.

The first diagnosis of the conclusion is the class. Other findings, denials ("без признаков кровоизлияния"), doubts and
the comparison with an earlier examination stand around it in changing order; a few Russian reports have a slip of the
pen, as dictated reports do.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from caseindex.demo.cohort import Exam
from caseindex.demo.diagnoses import Diagnosis
from caseindex.demo.grammar import expand
from caseindex.demo.lesions import Finding
from caseindex.records import Language, Side

_TYPO_SHARE = 0.04
_INJURIES = ("contusion", "subdural", "fracture", "subarachnoid")
#: A denial is left out where the finding is present: which kinds each denial speaks of.
_DENIES: dict[str, frozenset[str]] = {
    "hematoma": frozenset({"hematoma", "contusion", "subarachnoid", "subdural", "epidural"}),
    "infarct": frozenset({"infarct", "lacune", "edema"}),
    "tumor": frozenset({"tumor", "cyst"}),
    "fracture": frozenset({"fracture"}),
    "shift": frozenset({"tumor", "edema", "epidural", "subdural", "hematoma", "infarct", "cyst"}),
    "subarachnoid": frozenset({"subarachnoid"}),
    "subdural": frozenset({"subdural", "epidural"}),
    "sinuses": frozenset(),
}


@dataclass(frozen=True, slots=True)
class Wording:
    """``template`` names the phrases used; ``held_out`` is true for one conclusion of each class, language by
    language: a classifier trained on the others has not seen it."""

    text: str
    template: str
    held_out: bool


@lru_cache(maxsize=3)
def phrases(language: Language) -> dict[str, Any]:
    return tomllib.loads(files("caseindex.demo").joinpath(f"data/phrases_{language.value}.toml").read_text("utf-8"))


def write_report(exam: Exam) -> Wording:
    """The report of ``exam``; the same examination gives the same text."""
    rng = np.random.default_rng((exam.seed, 303, exam.number))
    book, disease = phrases(exam.language), exam.disease
    section = book[disease.diagnosis.value]
    slots = _slots(exam, book, rng)
    first, last = int(rng.integers(len(section["findings"]))), int(rng.integers(len(section["conclusion"])))
    main = [expand(section["findings"][first], slots, rng)]
    others = _others(exam, book, rng)
    denials = _denials(disease.findings, book, rng)
    body = main + others + denials if rng.random() < 0.7 else denials[:1] + main + others + denials[1:]
    if exam.prior and disease.diagnosis is not Diagnosis.IMPROVEMENT:
        body.append(expand(_one(book["also"]["follow_up"], rng), slots, rng))
    if rng.random() < 0.06:
        body.append(expand(_one(book["also"]["doubt"], rng), slots, rng))
    body.insert(0, expand(_one(book["technique"]["any"], rng), slots, rng))
    conclusion = [expand(section["conclusion"][last], slots, rng)]
    if rng.random() < 0.4:
        conclusion += others
    conclusion.append(expand(_one(book["also"]["closing"], rng), slots, rng))
    space = "" if exam.language is Language.CHINESE else " "
    description = space.join(filter(None, body))
    if exam.language is Language.RUSSIAN and rng.random() < _TYPO_SHARE:
        description = _slip(description, rng)
    head, tail = _one(book["words"]["findings"], rng), _one(book["words"]["conclusion"], rng)
    return Wording(
        f"{head} {description}\n{tail} {space.join(filter(None, conclusion))}",
        f"{exam.language.value}/{disease.diagnosis.value}/{first}.{last}",
        last == len(section["conclusion"]) - 1,
    )


def _one(options: list[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]


def _slots(exam: Exam, book: Mapping[str, Any], rng: np.random.Generator) -> dict[str, str]:
    findings = exam.disease.findings
    slots = _of_finding(findings[0], book, rng) if findings else {}
    sided = next((finding for finding in findings if finding.side), None)
    slots |= _side_words(sided.side if sided else Side.RIGHT, book)
    section = book[exam.disease.diagnosis.value]
    if exam.prior:
        slots["prior"] = exam.prior.strftime("%d.%m.%Y" if exam.language is Language.RUSSIAN else "%Y-%m-%d")
    slots["count"] = str(sum(finding.kind == "lacune" for finding in findings))
    slots["more"] = section["more"][slots["count"] != "1"] if "more" in section else ""
    inside = bool(findings) and findings[0].place.endswith("+ventricles")
    slots["ventricular"] = _one(section["ventricular"], rng) if inside and "ventricular" in section else ""
    slots["breakthrough"] = _one(section["breakthrough"], rng) if inside and "breakthrough" in section else ""
    slots["trauma"] = slots["injury"] = ""
    injuries = [_injury(finding, book, rng) for finding in _distinct(findings)]
    chinese = exam.language is Language.CHINESE
    if exam.disease.diagnosis is Diagnosis.TRAUMA and injuries:
        slots["injury"] = ("，" if chinese else ", ").join(injuries)
        slots["trauma"] = ("；" if chinese else "; ").join(injuries) + ("。" if chinese else ".")
    elif exam.disease.diagnosis is Diagnosis.EPIDURAL and injuries:
        slots["trauma"] = injuries[0] + "。" if chinese else " " + injuries[0][:1].upper() + injuries[0][1:] + "."
    return slots


def _distinct(findings: tuple[Finding, ...]) -> list[Finding]:
    """The injuries, each kind and place once."""
    return list({(f.kind, f.place): f for f in reversed(findings) if f.kind in _INJURIES}.values())[::-1]


def _injury(finding: Finding, book: Mapping[str, Any], rng: np.random.Generator) -> str:
    return expand(_one(book[Diagnosis.TRAUMA.value][finding.kind], rng), _of_finding(finding, book, rng), rng)


def _side_words(side: Side | None, book: Mapping[str, Any]) -> dict[str, str]:
    words = {right: left if side is Side.LEFT else right for right, left in book["sides"].items()}
    if "справа" in words:
        words["side"] = words["справа"]
    return words


def _of_finding(finding: Finding, book: Mapping[str, Any], rng: np.random.Generator) -> dict[str, str]:
    slots = _side_words(finding.side, book)
    where, of = book["places"].get(finding.place.removesuffix("+ventricles"), ["", ""])
    across = round(finding.size_mm * float(rng.uniform(0.7, 0.95)))
    mm = f"{finding.size_mm:.0f}"
    return slots | {
        "where": expand(where, slots, rng),
        "of": expand(of, slots, rng),
        "mm": mm,
        "size": f"{mm}{book['words']['cross']}{across}",
    }


def _others(exam: Exam, book: Mapping[str, Any], rng: np.random.Generator) -> list[str]:
    """Sentences on the findings that are not the diagnosis."""
    found = []
    for finding in {f.kind: f for f in exam.disease.findings[1:]}.values():
        if finding.kind in book["also"] and finding.kind != exam.disease.findings[0].kind:
            found.append(expand(_one(book["also"][finding.kind], rng), _of_finding(finding, book, rng), rng))
    if not found and exam.person.atrophy(exam.age) > 0.75 and exam.disease.diagnosis is not Diagnosis.ATROPHY:
        found.append(expand(_one(book["also"]["atrophy"], rng), {}, rng))
    return found


def _denials(findings: tuple[Finding, ...], book: Mapping[str, Any], rng: np.random.Generator) -> list[str]:
    present = {finding.kind for finding in findings}
    possible = [name for name, kinds in _DENIES.items() if not kinds & present]
    names = rng.permutation(possible)[: int(rng.integers(1, 5))]
    return [expand(_one(book["absent"][str(name)], rng), {}, rng) for name in names]


def _slip(text: str, rng: np.random.Generator) -> str:
    """Two letters of one long word change places."""
    words = text.split(" ")
    long = [n for n, word in enumerate(words) if len(word) > 7 and word.isalpha()]
    if not long:
        return text
    n = long[int(rng.integers(len(long)))]
    at = int(rng.integers(2, len(words[n]) - 2))
    words[n] = words[n][:at] + words[n][at + 1] + words[n][at] + words[n][at + 2 :]
    return " ".join(words)
