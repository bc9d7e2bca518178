"""The `caseindex` program: a table of commands, each imported only when it runs, so that `--help` is quick."""

from __future__ import annotations

import os
import sys
from typing import Any, Final, NoReturn

import typer

from caseindex.cli.lazy_group import Command, LazyGroup
from caseindex.cli.log import to_stderr
from caseindex.errors import CaseindexError

COMMANDS: Final[dict[str, Command]] = {
    "init": Command("caseindex.cli.init", "Make an empty archive."),
    "ingest": Command("caseindex.cli.ingest", "Take images and reports in."),
    "train": Command("caseindex.cli.train", "Train encoders on this archive."),
    "embed": Command("caseindex.cli.embed", "Compute the embeddings that are missing."),
    "search": Command("caseindex.cli.search", "Find similar past cases by words, image or study."),
    "score": Command("caseindex.cli.score", "List the images that sentences fit best: triage without labels."),
    "match": Command("caseindex.cli.match", "Find whose image this is, or whether two are of one person."),
    "audit": Command("caseindex.cli.audit", "List what is probably filed wrongly."),
    "verify": Command("caseindex.cli.verify", "Say whether a report fits its image, and which statement does not."),
    "reports": Command("caseindex.cli.reports", "Read the reports: statements, and labels derived from them."),
    "bench": Command("caseindex.cli.bench", "Measure the answers on this archive, with confidence intervals."),
    "info": Command("caseindex.cli.info", "Show what is in the archive."),
    "check": Command("caseindex.cli.check", "Verify checksums and the agreement of records and indexes."),
    "remove": Command("caseindex.cli.remove", "Erase a patient, study or image everywhere, and prove it."),
    "export": Command("caseindex.cli.export", "Write records and embeddings as Parquet."),
    "demo": Command("caseindex.cli.demo", "Make a synthetic archive, train on it and search it."),
}


class Commands(LazyGroup):
    table = COMMANDS

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # typer would end without a word
            print("caseindex: interrupted; run the same command again to go on", file=sys.stderr)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its frames could show a patient's data
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Example: caseindex init ARCHIVE && cd ARCHIVE && caseindex ingest /data && caseindex search --text stroke",
)


def _print_version(value: bool) -> None:
    if value:
        from caseindex import __version__

        typer.echo(f"caseindex {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    """Similar-case retrieval for radiology archives: search, identity, verification, recall. Not a medical device."""


def main(arguments: list[str] | None = None) -> None:
    """Entry point: a user's mistake ends with one clear line and status 1 or 2, never with a stack trace."""
    # Threads of torch, FAISS and numpy that wait shall sleep: by default they spin, which on a machine with other work
    # on it makes training several times slower. Read when the libraries are loaded; 4: after 2^4 processor cycles.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a C locale must not break Cyrillic and Chinese output
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    to_stderr()
    try:
        app(args=arguments, prog_name="caseindex")
    except CaseindexError as error:
        print(f"caseindex: error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        print("caseindex: interrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            _leave_broken_pipe()
        # Of a file that the person named, or of the disk: the system's own words say which and why.
        place = f"{error.filename}: " if error.filename is not None else ""
        print(f"caseindex: error: {place}{error.strerror or error}.", file=sys.stderr)
        sys.exit(1)


def _leave_broken_pipe() -> NoReturn:
    """The reader of our output went away (`| head`): not an error, but the interpreter must not flush into it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(141)
