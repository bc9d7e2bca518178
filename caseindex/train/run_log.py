"""What a run writes down of its steps: `metrics.jsonl`, and TensorBoard where it is installed and wanted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

METRICS = "metrics.jsonl"


class RunLog:
    """In the run's ``folder``; ``None`` writes nothing."""

    def __init__(self, folder: Path | None, tensorboard: bool) -> None:
        self._file = (folder / METRICS).open("a", encoding="utf-8", buffering=1) if folder is not None else None
        self._board: Any = None
        if tensorboard and folder is not None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                return
            self._board = SummaryWriter(str(folder / "tensorboard"))  # type: ignore[no-untyped-call]

    def write(self, values: dict[str, Any], part: str) -> None:
        if self._file is not None:
            self._file.write(json.dumps({"part": part, **values}) + "\n")
        if self._board is not None:
            for name, value in values.items():
                if name not in ("step", "epoch"):
                    self._board.add_scalar(f"{part}/{name}", value, values["step"])

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        if self._board is not None:
            self._board.close()
