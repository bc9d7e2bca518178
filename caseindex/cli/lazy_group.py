"""A group of commands that are listed from a table and imported only when they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Command:
    """A row of a command table: the module that holds ``app: typer.Typer``, and the line that `--help` shows."""

    module: str
    help: str


class LazyGroup(TyperGroup):
    """Imports the module of a command only when it is the one to run. A subclass names its ``table``."""

    table: ClassVar[Mapping[str, Command]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        row = self.table.get(cmd_name)
        return None if row is None else TyperCommand(cmd_name, help=row.help, callback=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, listed, rest = super().resolve_command(ctx, args)
        if listed is None or name is None:
            return name, listed, rest
        command = typer.main.get_command(import_module(self.table[name].module).app)
        command.name = name
        return name, command, rest
