"""The program as a whole: quick to start, silent where it should be, clear where a user errs."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from caseindex.cli.main import COMMANDS


def run(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "caseindex", *words], capture_output=True, text=True, cwd=cwd, encoding="utf-8"
    )


def test_help_answers_quickly_and_imports_nothing_heavy() -> None:
    program = (
        "import sys; from caseindex.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'faiss', 'transformers', 'pydicom', 'cv2', 'pyarrow', 'numpy'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - start)
    assert done.stdout.strip().endswith("HEAVY []")
    assert statistics.median(seconds) < 1.0  # 0.1 s on a quiet machine; the published limit of 0.4 s is in benchmarks/


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_with_an_example(name: str) -> None:
    from typer.testing import CliRunner

    from caseindex.cli.main import app

    result = CliRunner().invoke(app, [name, "--help"], prog_name="caseindex")
    assert result.exit_code == 0
    assert f"caseindex {name}" in result.output
    assert "xample" in result.output


def test_an_unknown_command_is_wrong_usage() -> None:
    done = run("serach")
    assert done.returncode == 2
    assert "serach" in done.stderr or "search" in done.stderr
    assert "Traceback" not in done.stderr


def test_outside_an_archive_the_error_says_what_to_do(tmp_path: Path) -> None:
    done = run("info", cwd=tmp_path)
    assert done.returncode == 1
    assert "caseindex init" in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
