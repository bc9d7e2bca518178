"""`caseindex bench`: measure the answers on this archive."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Protocol:
    """A row of the table of protocols: its module, and its line in `--help`."""

    module: str
    help: str


PROTOCOLS: Final[dict[str, Protocol]] = {
    "search": Protocol("caseindex.cli.bench_search", "Precision, recall, MAP@R and nDCG of the search."),
}


class LazyProtocols(TyperGroup):
    """Lists the protocols without importing them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(PROTOCOLS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        row = PROTOCOLS.get(cmd_name)
        return None if row is None else TyperCommand(cmd_name, help=row.help, callback=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, listed, rest = super().resolve_command(ctx, args)
        if listed is None or name is None:
            return name, listed, rest
        command = typer.main.get_command(import_module(PROTOCOLS[name].module).app)
        command.name = name
        return name, command, rest


app = typer.Typer(
    cls=LazyProtocols,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    epilog="Example: caseindex bench search --queries questions.tsv --format json",
)


@app.callback()
def bench() -> None:
    """Measure the answers on this archive, with confidence intervals."""
