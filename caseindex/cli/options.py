"""Options that several commands share, declared once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from caseindex.cli.output import Format


class PageLanguage(StrEnum):
    """Of the pages of `audit` and `verify`; that of `search` is there in Chinese too."""

    RUSSIAN = "ru"
    ENGLISH = "en"


ArchiveOption = Annotated[
    Path | None,
    typer.Option(
        "--archive",
        metavar="DIR",
        help="The archive; else CASEINDEX_ARCHIVE, else the nearest parent folder that holds archive.toml.",
        envvar="CASEINDEX_ARCHIVE",
        show_envvar=False,
    ),
]
FormatOption = Annotated[
    Format | None,
    typer.Option("--format", help="How to print; table on a terminal, else json.", show_default=False),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="A model of this archive, instead of the one in archive.toml."),
]
IdentityModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="An identity model: grid (untrained), or one that `train identity` made; default: [models] identity of "
        "archive.toml.",
        show_default=False,
    ),
]
VerifyModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="The model whose embeddings show the images; default: [models] verify of archive.toml.",
        show_default=False,
    ),
]
PlotOption = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Also a picture (PNG, SVG, PDF).", show_default=False)
]
PageLanguageOption = Annotated[
    PageLanguage | None, typer.Option("--language", help="Of the page; default by the locale.", show_default=False)
]
