"""The 15 classes of the reference archive of brain CT (R2): their labels in Russian, and how many images each has."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Diagnosis(StrEnum):
    """First diagnosis of a report's conclusion."""

    NORMAL = "normal"
    ISCHEMIC = "ischemic_stroke"
    ENCEPHALOPATHY = "encephalopathy"
    EDEMA = "cerebral_edema"
    HEMORRHAGIC = "hemorrhagic_stroke"
    SUBARACHNOID = "subarachnoid_hemorrhage"
    TRAUMA = "brain_injury"
    IMPROVEMENT = "improvement"
    CYST = "arachnoid_cyst"
    LACUNAR = "lacunar_stroke"
    ATROPHY = "brain_atrophy"
    HYDROCEPHALUS = "hydrocephalus"
    EPIDURAL = "epidural_hematoma"
    ANEURYSM = "aneurysm"
    TUMOR = "brain_mass"


#: The label as it stands in the archive (Russian), and the published number of images.
PUBLISHED: Final[dict[Diagnosis, tuple[str, int]]] = {
    Diagnosis.NORMAL: ("Патологии не выявлено", 179),
    Diagnosis.ISCHEMIC: ("Ишемический инсульт", 165),
    Diagnosis.ENCEPHALOPATHY: ("Дисциркуляторная энцефалопатия", 160),
    Diagnosis.EDEMA: ("Отек головного мозга", 91),
    Diagnosis.HEMORRHAGIC: ("Геморрагический инсульт", 82),
    Diagnosis.SUBARACHNOID: ("Субарахноидальное кровоизлияние", 54),
    Diagnosis.TRAUMA: ("Черепно-мозговая травма", 50),
    Diagnosis.IMPROVEMENT: ("Положительная динамика", 44),
    Diagnosis.CYST: ("Ликворная киста", 42),
    Diagnosis.LACUNAR: ("Лакунарный инсульт", 28),
    Diagnosis.ATROPHY: ("Атрофия головного мозга", 25),
    Diagnosis.HYDROCEPHALUS: ("Гидроцефалия", 16),
    Diagnosis.EPIDURAL: ("Эпидуральная гематома", 15),
    Diagnosis.ANEURYSM: ("Аневризма", 14),
    Diagnosis.TUMOR: ("Объемное образование головного мозга", 13),
}
PUBLISHED_IMAGES: Final = sum(count for _, count in PUBLISHED.values())  # 978

#: Classes with at least 50 images in the published archive.
FREQUENT: Final = tuple(diagnosis for diagnosis, (_, count) in PUBLISHED.items() if count >= 50)


def label(diagnosis: Diagnosis) -> str:
    """The archive's label: ``label(Diagnosis.ISCHEMIC) == "Ишемический инсульт"``."""
    return PUBLISHED[diagnosis][0]


def counts(total: int) -> dict[Diagnosis, int]:
    """``total`` examinations over the classes in the published proportions (largest remainders; every class gets one
    where ``total`` is at least 15)."""
    if total < 1:
        raise ValueError(f"an archive has at least one image, not {total}")
    floor = 1 if total >= len(PUBLISHED) else 0
    spare = total - floor * len(PUBLISHED)
    shares = {d: spare * count / PUBLISHED_IMAGES for d, (_, count) in PUBLISHED.items()}
    if total == PUBLISHED_IMAGES:
        return {d: count for d, (_, count) in PUBLISHED.items()}
    result = {d: floor + int(share) for d, share in shares.items()}
    by_remainder = sorted(shares, key=lambda d: int(shares[d]) - shares[d])
    for diagnosis in by_remainder[: total - sum(result.values())]:
        result[diagnosis] += 1
    return result
