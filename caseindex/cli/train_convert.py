"""`caseindex train convert`: a PyTorch checkpoint as safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from caseindex.cli.options import FormatOption
from caseindex.cli.output import emit


def convert(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A PyTorch checkpoint: .pt, .pth, .bin, .ckpt.")],
    target: Annotated[
        Path | None,
        typer.Argument(metavar="[OUT]", help="Default: the same name with .safetensors.", show_default=False),
    ] = None,
    format: FormatOption = None,
) -> None:
    """Convert a PyTorch checkpoint to safetensors, without running any code that it may hold.

    Only tensors are read (weights_only); a checkpoint that needs anything else is refused. A nested `state_dict` or
    `model` is unwrapped, and a `module.` prefix taken off.
    """
    from caseindex.train.convert import convert_checkpoint

    emit(convert_checkpoint(source, target), format=format)
