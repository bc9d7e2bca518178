"""Documents are executed: the generated ones are current, the README's commands exist, links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("benchmarks/**/*.md")])


def test_generated_documents_are_current() -> None:
    done = subprocess.run(
        [sys.executable, REPOSITORY / "docs" / "generate.py", "--check"], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode == 0, f"run `make docs`: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_to_files_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document.read_text("utf-8"))
    missing = [t for t in targets if "://" not in t and not (document.parent / t).exists()]
    assert not missing


def test_make_targets_named_in_documents_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    known = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    named = {
        name
        for path in DOCUMENTS
        for name in re.findall(r"`?make ([a-z]+)`?", path.read_text("utf-8"))
        if f"`make {name}" in path.read_text("utf-8")
    }
    assert named
    assert named <= known


def test_readme_shell_commands_parse() -> None:
    """Every `caseindex ...` line of a shell block names a command and options that its help knows."""
    from typer.testing import CliRunner

    from caseindex.cli.main import app

    text = (REPOSITORY / "README.md").read_text("utf-8")
    lines = [
        line.strip()
        for block in re.findall(r"```(?:sh|console)\n(.*?)```", text, flags=re.DOTALL)
        for line in block.splitlines()
    ]
    commands = [
        line.removeprefix("$ ").split("#")[0].strip()
        for line in lines
        if line.removeprefix("$ ").startswith("caseindex ")
    ]
    assert commands
    for command in commands:
        words = command.split()[1:]
        plain = [word for word in words[:2] if re.fullmatch(r"[a-z-]+", word)]
        for names in (plain, plain[:1]):
            result = CliRunner().invoke(app, [*names, "--help"], prog_name="caseindex")
            if result.exit_code == 0:
                break
        assert result.exit_code == 0, command
        for option in re.findall(r"(?<!\S)(--[a-z-]+)", command):
            assert option in result.output, f"{command}: no option {option}"
