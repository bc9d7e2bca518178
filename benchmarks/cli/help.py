"""How long `caseindex --help` takes, as a whole process: median, smallest and largest of several cold interpreters.

Beside it the bare interpreter (`python -c pass`), in alternation, because the machine's speed drifts.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "help.json"
COMMANDS = {"help": ["-m", "caseindex", "--help"], "bare_interpreter": ["-c", "pass"]}


def main(runs: int = 15) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        for name, words in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *words], capture_output=True, check=True)
            seconds[name].append(time.perf_counter() - start)
    result = {
        name: {"median_s": statistics.median(values), "min_s": min(values), "max_s": max(values), "runs": runs}
        for name, values in seconds.items()
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
