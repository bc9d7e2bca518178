"""CheXpert (Irvin et al. 2019, arXiv 1901.07031): ``train.csv``, ``valid.csv``, ``test.csv`` beside folders of JPEGs.

Columns ``Path, Sex, Age, Frontal/Lateral, AP/PA`` and 14 observations: 1.0 present, 0.0 absent, -1.0 uncertain, empty
not mentioned. ``Path`` begins with the name of the data set (``CheXpert-v1.0-small/train/patient00001/study1/...``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from caseindex.errors import InputRejected
from caseindex.ingest import derived_uid, given, sources, tables
from caseindex.ingest.layouts.manifest import resolve
from caseindex.protocols import Discovered
from caseindex.records import Study

OBSERVATIONS: Final = (
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema",
    "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture",
    "Support Devices",
)  # fmt: skip
_SPLITS: Final = {"train": "train", "valid": "valid", "test": "test", "train_visualchexbert": "train"}
_PLACE: Final = re.compile(r"(?P<patient>patient\d+)/(?P<study>study\d+)/")
_OTHERS: Final = frozenset({"Path", "Sex", "Age", "Frontal/Lateral", "AP/PA"})


class CheXpert:
    name: str = "chexpert"

    def recognises(self, root: Path) -> bool:
        return any({"Path", "Frontal/Lateral", "AP/PA"} <= set(tables.header(path)) for path, _ in _tables(root))

    def discover(self, root: Path) -> Iterator[Discovered | InputRejected]:
        found = list(_tables(root))
        if not found:
            yield InputRejected(sources.to_text(root), "missing_file", "no train.csv or valid.csv in this folder")
        for path, split in found:
            folder = Path(os.path.abspath(path.parent))
            for row in tables.rows(path, sources.to_text(path)):
                yield row if isinstance(row, InputRejected) else _entry(row, folder, split, sources.to_text(path))


def observations(
    cells: Mapping[str, str], names: Iterable[str] = OBSERVATIONS
) -> tuple[tuple[str, ...], dict[str, str]]:
    """(labels that are present, attributes with those that are uncertain or absent)."""
    by_value: dict[float, list[str]] = {1.0: [], 0.0: [], -1.0: []}
    for name in names:
        try:
            by_value[float(cells.get(name) or "nan")].append(name)
        except (ValueError, KeyError):
            continue
    others = {"labels_uncertain": ";".join(by_value[-1.0]), "labels_absent": ";".join(by_value[0.0])}
    return tuple(by_value[1.0]), {name: text for name, text in others.items() if text}


def _entry(row: tables.Row, folder: Path, split: str, shown: str) -> Discovered | InputRejected:
    cells = row.cells
    path = cells.get("Path", "")
    place = _PLACE.search(path)
    if not path or place is None:
        return InputRejected(f"{shown}:{row.number}", "bad_row", "no Path with a patient and a study in it")
    # The data set's own name comes first in each path; the tables lie in that folder.
    locator = resolve(folder, path)
    _, slash, inner = path.partition("/")
    if isinstance(locator, InputRejected) and locator.code == "missing_file" and slash:
        locator = resolve(folder, inner)
    if isinstance(locator, InputRejected):
        return InputRejected(path, locator.code, locator.detail)
    patient = place["patient"]
    labels, extra = observations(cells)
    projection = cells.get("AP/PA", "") or cells.get("Frontal/Lateral", "")
    study = Study(study_uid=derived_uid.study_uid(patient, place["study"]), patient_id=patient)
    return Discovered(
        file=path,
        locator=locator,
        given={
            "patient_id": patient,
            "modality": "CR",
            "body_part": "CHEST",
            "view": given.upper(projection),
            "sex": given.sex(cells.get("Sex", "")),
            "age_years": given.age_years(cells.get("Age", "")),
            "labels": labels or None,
            "attributes": {
                **given.attributes(cells, used=_OTHERS | set(OBSERVATIONS)),
                **extra,
                "split": split,
            },
        },
        study=study,
        uid_name=path,
    )


def _tables(root: Path) -> Iterator[tuple[Path, str]]:
    if root.is_file():
        if root.name.removesuffix(".csv") in _SPLITS and root.suffix == ".csv":
            yield root, _SPLITS[root.stem]
        return
    for stem, split in _SPLITS.items():
        path = root / f"{stem}.csv"
        if path.is_file() and (stem != "train_visualchexbert" or not (root / "train.csv").is_file()):
            yield path, split
