"""Options that several recipes of `caseindex train` share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ModelNameOption = Annotated[str, typer.Option(help="The model's folder in models/.")]
EpochsOption = Annotated[int, typer.Option(min=1, help="At most this many rounds over the studies.")]
PatienceOption = Annotated[
    int, typer.Option(min=1, help="Stop after this many epochs without a better validation recall.")
]
MinutesOption = Annotated[float | None, typer.Option(help="Stop training after this time.", show_default="no limit")]
SeedOption = Annotated[int, typer.Option(help="Of the split, the start values and the batches.")]
HoldOutOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Patient ids, one a line, that are used for nothing.", show_default=False),
]
ResumeOption = Annotated[
    bool, typer.Option("--resume/--fresh", help="Go on with an unfinished run of the same settings and data.")
]
TensorboardOption = Annotated[
    bool, typer.Option("--tensorboard/--no-tensorboard", help="Write a TensorBoard log, where it is installed.")
]
