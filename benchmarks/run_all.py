"""Runs the command of every published figure (`figures.toml`), then says which goals are met.

``python benchmarks/run_all.py [GROUP ...]`` runs all groups or the named ones; ``--list`` shows the commands only;
``--compare`` runs nothing and compares the result files with the expected values.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))

from generate import value_at  # noqa: E402


def figures(groups: list[str]) -> list[dict[str, Any]]:
    rows = tomllib.loads((ROOT / "benchmarks" / "figures.toml").read_text("utf-8"))["figure"]
    unknown = set(groups) - {row["group"] for row in rows}
    if unknown:
        raise SystemExit(
            f"no such group: {', '.join(sorted(unknown))}; known: {', '.join(sorted({row['group'] for row in rows}))}"
        )
    return [row for row in rows if not groups or row["group"] in groups]


def compare(rows: list[dict[str, Any]]) -> int:
    """Prints each figure beside its expected value; returns how many moved by more than their tolerance."""
    moved = 0
    for row in rows:
        document = json.loads((ROOT / row["result"]).read_text("utf-8"))
        values = [value_at(document, path) for path in row["values"]]
        tolerance = row.get("tolerance", 0.0)
        off = [abs(v - e) > tolerance * max(abs(e), 1e-12) for v, e in zip(values, row["expected"], strict=True)]
        moved += any(off)
        print(
            f"{'MOVED' if any(off) else 'as expected':12} {row['group']:10} {row['what']}: {values} (expected {row['expected']}, tolerance {tolerance:.0%})"
        )
    return moved


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--compare", action="store_true")
    options = parser.parse_args()
    rows = figures(options.groups)
    commands = list(dict.fromkeys(row["command"] for row in rows if not row.get("historic")))
    if options.list:
        print("\n".join(commands))
        return 0
    if not options.compare:
        for command in commands:
            print(f"$ {command}", flush=True)
            words = shlex.split(command)
            subprocess.run([sys.executable if words[0] == "python" else words[0], *words[1:]], cwd=ROOT, check=True)
    return 1 if compare(rows) else 0


if __name__ == "__main__":
    sys.exit(main())
