"""What is in an archive, counted: the answer of `info`."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caseindex.index.archive import Archive


@dataclass(frozen=True, slots=True)
class Overview:
    """``embeddings``: model name (its fingerprint's start where no model here has it) -> vectors. ``bytes`` are those
    of the archive's folder on disk."""

    archive: str
    patients: int
    studies: int
    series: int
    images: int
    reports: int
    modalities: dict[str, int]
    languages: dict[str, int]
    embeddings: dict[str, int]
    models: dict[str, Any]
    indexes: list[str]
    rejected: int
    bytes: int


def overview(archive: Archive) -> Overview:
    modalities: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    with archive.store.read() as reader:
        counts = reader.counts()
        for image in reader.images():
            modalities[image.modality or "unknown"] += 1
        for report in reader.reports():
            languages[report.language.value if report.language else "unknown"] += 1
        spaces = reader.spaces()
        names = reader.model_names()
    trained = model_names(archive.models_dir)
    names |= trained
    models: dict[str, Any] = {
        purpose: {"name": name}
        for purpose, name in (
            ("search", archive.settings.models.search),
            ("identity", archive.settings.models.identity),
            ("verify", archive.settings.models.verify),
        )
    }
    models["trained"] = sorted(set(trained.values()))
    models["fingerprints"] = {
        space.fingerprint: {"name": names.get(space.fingerprint), "dim": space.dim} for space in spaces if space.count
    }
    embeddings: Counter[str] = Counter()
    for fingerprint, count in counts.embeddings.items():
        embeddings[names.get(fingerprint, fingerprint[:12])] += count
    return Overview(
        archive=str(archive.path),
        patients=counts.patients,
        studies=counts.studies,
        series=counts.series,
        images=counts.images,
        reports=counts.reports,
        modalities=dict(modalities.most_common()),
        languages=dict(languages.most_common()),
        embeddings=dict(embeddings),
        models=models,
        indexes=sorted(_folders_with_manifest(archive.indexes_dir)),
        rejected=_lines(archive.rejected_file),
        bytes=_size(archive.path),
    )


def model_names(models: Path) -> dict[str, str]:
    """Fingerprint -> name of the models in the archive, from their `config.json`; nothing is loaded."""
    names: dict[str, str] = {}
    if models.is_dir():
        for folder in sorted(models.iterdir()):
            try:
                config = json.loads((folder / "config.json").read_text("utf-8"))
            except (OSError, ValueError):
                continue
            fingerprint = config.get("fingerprint") if isinstance(config, dict) else None
            if isinstance(fingerprint, str):
                names[fingerprint] = folder.name
    return names


def _folders_with_manifest(indexes: Path) -> list[str]:
    return [str(found.parent.relative_to(indexes)) for found in indexes.rglob("manifest.json")]


def _lines(file: Path) -> int:
    if not file.is_file():
        return 0
    with file.open("rb") as lines:
        return sum(1 for line in lines if line.strip())


def _size(folder: Path) -> int:
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if not os.path.islink(path) and os.path.exists(path):
                total += os.stat(path).st_blocks * 512
    return total
