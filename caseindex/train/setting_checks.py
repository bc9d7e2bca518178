"""What the settings of every recipe are held to: a name for a folder, known choices, ranges."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import fields
from typing import Any, Final

from caseindex.errors import SettingsError

#: The lowest and the highest value.
Range = tuple[float, float]
#: Of settings that several recipes have. A recipe gives its own, and those in which it differs.
RANGES: Final[dict[str, Range]] = {
    "dim": (2, 4096),
    "epochs": (1, 100_000),
    "patience": (1, 100_000),
    "batch": (2, 65536),
    "learning_rate": (1e-8, 1.0),
    "trunk_rate": (0.0, 1.0),
    "weight_decay": (0.0, 10.0),
    "dropout": (0.0, 0.95),
    "temperature": (1e-3, 10.0),
    "whitened": (2, 65536),
    "vocabulary": (100, 1_000_000),
    "validation": (0.01, 0.45),
    "test": (0.01, 0.45),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_name(name: str) -> None:
    """Raises :class:`~caseindex.errors.SettingsError` for what is no name of a folder in `models/`."""
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"name {name!r}", "not usable as a folder name", "Letters, digits, '.', '_' and '-', at most 64"
        )


def check_choice(what: str, value: object, known: Collection[str]) -> None:
    """Raises :class:`~caseindex.errors.SettingsError` unless ``value`` is one of ``known``."""
    if value not in known:
        raise SettingsError(f"{what} {value!r}", "unknown", f"Known: {', '.join(known)}")


def check_ranges(settings: Any, **own: Range) -> None:
    """Of a dataclass of settings: each number that has a range in :data:`RANGES` or in ``own``, in the order of the fields,
    and ``minutes``, which is a time above 0 or ``None``. Raises :class:`~caseindex.errors.SettingsError`."""
    ranges = RANGES | own
    for name in (field.name for field in fields(settings)):
        if name in ranges:
            low, high = ranges[name]
            value = getattr(settings, name)
            if not low <= value <= high:
                raise SettingsError(name, f"{value} is outside {low:g} to {high:g}", "Choose a value within")
    if settings.minutes is not None and not settings.minutes > 0:
        raise SettingsError("minutes", f"{settings.minutes} is not above 0", "Give a time, or leave it out")
