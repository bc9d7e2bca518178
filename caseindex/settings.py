"""`archive.toml`: typed, frozen; an unknown key or a wrong type is an error that names it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from caseindex.errors import SettingsError

FORMAT_VERSION = 1  # of the archive folder as a whole


class Models(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model in use for each purpose: a folder of `models/`, or a name of the catalogue."""

    search: str = "imagenet"
    identity: str = "grid"
    verify: str = "imagenet"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one hostile input may cost."""

    decode_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    worker_memory_mb: Annotated[int, msgspec.Meta(ge=256)] = 4096
    max_pixels: Annotated[int, msgspec.Meta(ge=1024)] = 100_000_000
    max_file_mb: Annotated[int, msgspec.Meta(ge=1)] = 4096
    max_frames: Annotated[int, msgspec.Meta(ge=1)] = 4096


class Ingest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    slices: Annotated[int, msgspec.Meta(ge=1)] = 3  # per volume
    window: str | None = None  # a named CT window (brain, lung, bone, ...) instead of the file's own
    workers: Annotated[int, msgspec.Meta(ge=0)] = 0  # 0: one per core
    mask_text: bool = False  # mask overlays and burned-in text before embedding for search


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How vectors are searched: `auto` is exact up to a size and approximate (`ivf-sq`, re-scored exactly) above it."""

    backend: Literal["auto", "flat", "ivf-sq", "ivf-pq", "hnsw"] = "auto"
    exact_up_to: Annotated[int, msgspec.Meta(ge=0)] = 2_000_000  # vectors


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format_version: int = FORMAT_VERSION
    models: Models = msgspec.field(default_factory=Models)
    ingest: Ingest = msgspec.field(default_factory=Ingest)
    limits: Limits = msgspec.field(default_factory=Limits)
    index: Index = msgspec.field(default_factory=Index)


def load_settings(path: Path) -> Settings:
    """Reads ``archive.toml``.

    Raises :class:`~caseindex.errors.SettingsError` for text that is not TOML, an unknown key, a wrong type or a value
    out of range, naming the key.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
        return msgspec.convert(document, Settings)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise SettingsError(
            path, str(error), "Correct this entry; `caseindex init` in an empty folder shows the defaults"
        ) from error


def dump_settings(settings: Settings) -> str:
    """The settings as TOML, comments not kept."""
    lines = [f"format_version = {settings.format_version}"]
    for name in ("models", "ingest", "limits", "index"):
        lines += ["", f"[{name}]"]
        for key, value in msgspec.structs.asdict(getattr(settings, name)).items():
            if value is not None:
                lines.append(f"{key} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return msgspec.json.encode(value).decode("utf-8")  # a JSON string is a TOML basic string
    return repr(value)
