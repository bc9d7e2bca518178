"""Puts a model to use: one line of `archive.toml`, everything else in it untouched."""

from __future__ import annotations

import os
import re

import msgspec

from caseindex.index.archive import SETTINGS_FILE, Archive
from caseindex.settings import load_settings

_TABLE = re.compile(r"^\s*\[([^\[\]]+)\]\s*(#.*)?$")


def adopt(archive: Archive, purpose: str, name: str) -> None:
    """Sets ``[models] PURPOSE = NAME``, keeping comments and order; the file is replaced by one rename, and only if
    it still reads as settings."""
    path = archive.path / SETTINGS_FILE
    text = replaced(path.read_text("utf-8"), purpose, name)
    work = path.with_suffix(".toml.new")
    work.write_text(text, "utf-8")
    try:
        load_settings(work)
        with work.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(work, path)
    finally:
        work.unlink(missing_ok=True)


def adopt_if_better(
    archive: Archive, purpose: str, name: str, verdict: tuple[bool, str], *, wanted: bool
) -> tuple[bool, str]:
    """(whether archive.toml names it now, why in words). ``verdict``: whether it is better than the default, and why;
    ``wanted``: whether it is to be put to use where it is."""
    better, why = verdict
    if better and wanted:
        adopt(archive, purpose, name)
    elif better:
        why += " It was not put to use, as asked"
    return better and wanted, why


def replaced(text: str, purpose: str, name: str) -> str:
    """``text`` with the entry set; the table is added where it is missing.

    >>> print(replaced('[models]\\nsearch = "imagenet"  # for now\\n', "search", "pair"), end="")
    [models]
    search = "pair"  # for now
    """
    value = msgspec.json.encode(name).decode("utf-8")
    entry = re.compile(rf"^(\s*{re.escape(purpose)}\s*=\s*)(\"(?:[^\"\\]|\\.)*\"|'[^']*')(.*)$")
    lines = text.splitlines()
    table, header = "", None
    for number, line in enumerate(lines):
        if match := _TABLE.match(line):
            table = match.group(1).strip()
            if table == "models":
                header = number
        elif table == "models" and (match := entry.match(line)):
            lines[number] = f"{match.group(1)}{value}{match.group(3)}"
            return "\n".join(lines) + "\n"
    if header is not None:
        lines.insert(header + 1, f"{purpose} = {value}")
    else:
        lines += ["", "[models]", f"{purpose} = {value}"]
    return "\n".join(lines) + "\n"
