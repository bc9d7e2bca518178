"""Which findings a diagnosis brings, where, how large and at which level they are seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caseindex.demo.diagnoses import Diagnosis
from caseindex.demo.lesions import Finding


@dataclass(frozen=True, slots=True)
class Disease:
    """What one patient has. ``level`` is where the section through the main finding lies; the first finding is the
    diagnosis, the others go with it."""

    diagnosis: Diagnosis
    level: float
    age: float
    findings: tuple[Finding, ...]


#: Usual ages at the examination: mean, deviation, lowest, highest.
_AGES: dict[Diagnosis, tuple[float, float, float, float]] = {
    Diagnosis.NORMAL: (42, 14, 18, 72),
    Diagnosis.ISCHEMIC: (69, 10, 38, 92),
    Diagnosis.ENCEPHALOPATHY: (72, 8, 52, 92),
    Diagnosis.EDEMA: (48, 17, 18, 84),
    Diagnosis.HEMORRHAGIC: (60, 12, 30, 88),
    Diagnosis.SUBARACHNOID: (53, 13, 24, 82),
    Diagnosis.TRAUMA: (44, 17, 18, 85),
    Diagnosis.IMPROVEMENT: (56, 14, 22, 86),
    Diagnosis.CYST: (43, 16, 18, 78),
    Diagnosis.LACUNAR: (66, 9, 44, 88),
    Diagnosis.ATROPHY: (75, 8, 55, 93),
    Diagnosis.HYDROCEPHALUS: (52, 19, 19, 82),
    Diagnosis.EPIDURAL: (35, 13, 18, 66),
    Diagnosis.ANEURYSM: (54, 11, 28, 78),
    Diagnosis.TUMOR: (57, 13, 24, 82),
}


def age_of(diagnosis: Diagnosis, rng: np.random.Generator) -> float:
    mean, deviation, low, high = _AGES[diagnosis]
    return float(np.round(np.clip(rng.normal(mean, deviation), low, high)))


class _Draw:
    """Random choices of one disease, all from one generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.side = 1.0 if rng.random() < 0.5 else -1.0

    def within(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def one(self, *choices: tuple[str, float, float, float, float]) -> tuple[str, float, float, float]:
        """A place: name, u (on the chosen side), v, level drawn from its range (last two numbers)."""
        name, u, v, low, high = choices[int(self.rng.integers(len(choices)))]
        return name, u * self.side, v, self.within(low, high)

    def finding(
        self,
        kind: str,
        place: str,
        u: float,
        v: float,
        size_mm: float,
        phase: str = "acute",
        plain: float | None = None,
    ) -> Finding:
        jitter = 0.025 if abs(u) > 0.06 else 0.008
        return Finding(
            kind,
            place,
            round(u + float(self.rng.normal(0, jitter)), 3) if u else 0.0,
            round(v + float(self.rng.normal(0, 0.03)), 3),
            round(size_mm),
            round(self.within(0.3, 1.0) if plain is None else plain, 2),
            phase,
            int(self.rng.integers(2**31)),
        )


def fall_ill(diagnosis: Diagnosis, age: float, rng: np.random.Generator) -> Disease:
    """Draws the disease of one patient."""
    d = _Draw(rng)
    level, findings = _ONSET[diagnosis](d)
    main = findings[0].kind if findings else ""
    if main not in {"leukoaraiosis", "hydrocephalus"} and age > 62 and d.chance(0.3):
        findings.append(d.finding("leukoaraiosis", "periventricular", 0.0, 0.0, 10, plain=d.within(0.0, 0.22)))
    if diagnosis not in {Diagnosis.LACUNAR, Diagnosis.NORMAL} and age > 66 and d.chance(0.10):
        findings.append(d.finding("lacune", "basal_ganglia", 0.33 * d.side, -0.05, d.within(3, 5), phase="old"))
    return Disease(diagnosis, level, age, tuple(findings))


def resolve(disease: Disease, rng: np.random.Generator) -> Disease:
    """The same patient weeks later: smaller, older, less mass effect."""
    d = _Draw(rng)
    findings = [
        Finding(
            f.kind,
            f.place.removesuffix("+ventricles"),
            f.u,
            f.v,
            round(f.size_mm * d.within(0.65, 0.85)) if f.kind != "infarct" else f.size_mm,
            f.strength,
            "old",
            f.seed,
        )
        for f in disease.findings
        if f.kind in {"hematoma", "infarct", "subdural", "leukoaraiosis", "lacune"}
    ]
    return Disease(Diagnosis.IMPROVEMENT, disease.level, disease.age, tuple(findings))


_Onset = tuple[float, list[Finding]]


def _normal(d: _Draw) -> _Onset:
    return float(d.rng.choice([0.11, 0.24, 0.30, 0.42, 0.46, 0.60, 0.66, 0.80, 0.90])) + d.within(-0.02, 0.02), []


def _ischemic(d: _Draw) -> _Onset:
    phase = "acute" if d.chance(0.5) else "subacute"
    kind = d.rng.choice(["mca", "mca_part", "pca", "aca", "cerebellum"], p=[0.28, 0.36, 0.18, 0.08, 0.10])
    if kind == "mca":
        return d.within(0.38, 0.68), [d.finding("infarct", "mca", 0.60 * d.side, 0.0, d.within(75, 105), phase)]
    if kind == "mca_part":
        v = float(d.rng.choice([-0.36, -0.1, 0.32]))
        return d.within(0.36, 0.72), [d.finding("infarct", "mca", 0.62 * d.side, v, d.within(34, 62), phase)]
    if kind == "pca":
        return d.within(0.34, 0.52), [d.finding("infarct", "pca", 0.26 * d.side, 0.68, d.within(32, 52), phase)]
    if kind == "aca":
        return d.within(0.45, 0.78), [d.finding("infarct", "aca", 0.13 * d.side, -0.55, d.within(34, 55), phase)]
    return d.within(0.10, 0.16), [d.finding("infarct", "cerebellum", 0.42 * d.side, 0.60, d.within(30, 52), phase)]


def _encephalopathy(d: _Draw) -> _Onset:
    level = float(d.rng.choice([0.42, 0.46, 0.58, 0.64, 0.70, 0.78])) + d.within(-0.02, 0.02)
    found = [d.finding("leukoaraiosis", "periventricular", 0.0, 0.0, 10, plain=d.within(0.35, 1.0))]
    if d.chance(0.3):
        found.append(d.finding("lacune", "basal_ganglia", 0.33 * d.side, -0.05, d.within(3, 6), "old"))
    return level, found


def _edema(d: _Draw) -> _Onset:
    level = float(d.rng.choice([0.27, 0.40, 0.45, 0.58, 0.66, 0.78])) + d.within(-0.02, 0.02)
    if d.chance(0.5):
        return level, [d.finding("edema", "diffuse", 0.0, 0.0, 120, plain=d.within(0.4, 1.0))]
    return level, [d.finding("edema", "hemisphere", 0.45 * d.side, 0.0, 100, plain=d.within(0.4, 1.0))]


def _bleed(d: _Draw, *, large: bool = True) -> _Onset:
    place, u, v, level = d.one(
        ("putamen", 0.37, -0.03, 0.38, 0.50),
        ("putamen", 0.39, 0.02, 0.38, 0.54),
        ("thalamus", 0.19, 0.16, 0.38, 0.48),
        ("frontal", 0.36, -0.52, 0.42, 0.74),
        ("parietal", 0.50, 0.30, 0.56, 0.76),
        ("temporal", 0.66, 0.10, 0.24, 0.40),
        ("occipital", 0.30, 0.62, 0.40, 0.52),
        ("cerebellum", 0.36, 0.58, 0.10, 0.16),
    )
    small, big = (14, 30) if place in {"thalamus", "cerebellum"} else (20, 58 if large else 40)
    size = d.within(small, big)
    if place in {"putamen", "thalamus"} and d.chance(0.45):
        place += "+ventricles"
    return level, [d.finding("hematoma", place, u, v, size)]


def _subarachnoid(d: _Draw) -> _Onset:
    if d.chance(0.65):
        return d.within(0.22, 0.32), [d.finding("subarachnoid", "basal", 0.0, -0.05, d.within(55, 95))]
    if d.chance(0.6):
        return d.within(0.34, 0.50), [d.finding("subarachnoid", "sylvian", 0.62 * d.side, -0.08, d.within(40, 70))]
    return d.within(0.62, 0.85), [d.finding("subarachnoid", "convexity", 0.6 * d.side, 0.1, d.within(45, 75))]


def _trauma(d: _Draw) -> _Onset:
    level = d.within(0.26, 0.64)
    u, v = d.side * d.within(0.5, 0.95), d.within(-0.7, 0.6)
    found = []
    kind = d.rng.choice(["contusion", "subdural", "both"], p=[0.35, 0.3, 0.35])
    if kind != "subdural":
        cu, cv = (0.34, -0.70) if d.chance(0.5) else (0.72, -0.12)
        for n in range(int(d.rng.integers(1, 4))):
            spread = 0.16 * n
            found.append(
                d.finding(
                    "contusion", "frontal" if cv < -0.5 else "temporal", cu * d.side, cv + spread, d.within(14, 32)
                )
            )
    if kind != "contusion":
        found.append(d.finding("subdural", "convexity", u, v * 0.5, d.within(6, 15), plain=d.within(0.2, 1)))
    if d.chance(0.55):
        found.append(d.finding("fracture", "vault", u, v, 2))
    if d.chance(0.85):
        found.append(d.finding("scalp", "scalp", u, v, d.within(5, 13)))
    if d.chance(0.35):
        found.append(d.finding("subarachnoid", "convexity", -u, v, d.within(25, 45)))
    return level, found


def _improvement(d: _Draw) -> _Onset:
    level, found = _bleed(d, large=False) if d.chance(0.75) else _ischemic(d)
    first = found[0]
    old = Finding(
        first.kind,
        first.place.removesuffix("+ventricles"),
        first.u,
        first.v,
        max(first.size_mm, 20),
        first.strength,
        "old",
        first.seed,
    )
    return level, [old]


def _cyst(d: _Draw) -> _Onset:
    place, u, v, level = d.one(
        ("temporal", 0.68, -0.33, 0.22, 0.38),
        ("temporal", 0.70, -0.30, 0.24, 0.34),
        ("frontal", 0.42, -0.82, 0.42, 0.72),
        ("parietal", 0.72, 0.42, 0.56, 0.78),
        ("retrocerebellar", 0.0, 0.86, 0.10, 0.18),
    )
    return level, [d.finding("cyst", place, u, v, d.within(22, 52))]


def _lacunar(d: _Draw) -> _Onset:
    level = d.within(0.38, 0.64)
    found = []
    for _ in range(int(d.rng.integers(1, 4))):
        if level < 0.52:
            place, u, v = [("basal_ganglia", 0.34, -0.08), ("thalamus", 0.17, 0.15), ("internal_capsule", 0.25, 0.02)][
                int(d.rng.integers(3))
            ]
        else:
            place, u, v = "corona_radiata", d.within(0.26, 0.36), d.within(-0.3, 0.25)
        found.append(d.finding("lacune", place, u * d.side, v + d.within(-0.08, 0.08), d.within(6, 13)))
        d.side = -d.side if d.chance(0.4) else d.side
    return level, found


def _atrophy(d: _Draw) -> _Onset:
    level = float(d.rng.choice([0.42, 0.46, 0.60, 0.66, 0.80, 0.88])) + d.within(-0.02, 0.02)
    return level, [d.finding("atrophy", "diffuse", 0.0, 0.0, 100)]


def _hydrocephalus(d: _Draw) -> _Onset:
    return d.within(0.40, 0.64), [d.finding("hydrocephalus", "ventricles", 0.0, 0.0, 40)]


def _epidural(d: _Draw) -> _Onset:
    u, v = d.side * d.within(0.55, 0.95), d.within(-0.55, 0.5)
    found = [d.finding("epidural", "frontal" if v < -0.3 else "temporoparietal", u, v, d.within(12, 30))]
    if d.chance(0.75):
        found.append(d.finding("fracture", "vault", u, v, 2))
    found.append(d.finding("scalp", "scalp", u, v, d.within(5, 12)))
    return d.within(0.28, 0.66), found


def _aneurysm(d: _Draw) -> _Onset:
    place, u, v, level = d.one(
        ("mca", 0.36, -0.14, 0.23, 0.30),
        ("anterior_communicating", 0.0, -0.19, 0.24, 0.30),
        ("ica", 0.15, -0.10, 0.22, 0.28),
        ("basilar", 0.0, 0.01, 0.22, 0.28),
    )
    return level, [d.finding("aneurysm", place, u, v, d.within(8, 20))]


def _tumor(d: _Draw) -> _Onset:
    place, u, v, level = d.one(
        ("frontal", 0.40, -0.48, 0.42, 0.72),
        ("parietal", 0.46, 0.30, 0.54, 0.74),
        ("temporal", 0.58, 0.08, 0.30, 0.44),
    )
    return level, [d.finding("tumor", place, u, v, d.within(24, 50))]


_ONSET = {
    Diagnosis.NORMAL: _normal,
    Diagnosis.ISCHEMIC: _ischemic,
    Diagnosis.ENCEPHALOPATHY: _encephalopathy,
    Diagnosis.EDEMA: _edema,
    Diagnosis.HEMORRHAGIC: _bleed,
    Diagnosis.SUBARACHNOID: _subarachnoid,
    Diagnosis.TRAUMA: _trauma,
    Diagnosis.IMPROVEMENT: _improvement,
    Diagnosis.CYST: _cyst,
    Diagnosis.LACUNAR: _lacunar,
    Diagnosis.ATROPHY: _atrophy,
    Diagnosis.HYDROCEPHALUS: _hydrocephalus,
    Diagnosis.EPIDURAL: _epidural,
    Diagnosis.ANEURYSM: _aneurysm,
    Diagnosis.TUMOR: _tumor,
}
