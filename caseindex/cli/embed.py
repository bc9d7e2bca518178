"""`caseindex embed`: compute the embeddings that are missing."""

from __future__ import annotations

from typing import Annotated

import typer

from caseindex.cli.options import ArchiveOption, FormatOption
from caseindex.cli.output import emit, say
from caseindex.cli.progress import progress

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    epilog="Example: caseindex embed --archive ARCHIVE; caseindex embed --model timm:resnet50 --batch 64",
    no_args_is_help=False,
)
def embed(
    archive: ArchiveOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="A model of this archive, a model folder, or a name of the catalogue (imagenet, grid, resnet50, "
            "timm:NAME, open_clip:NAME, hf:NAME); default: [models] search of archive.toml.",
            show_default=False,
        ),
    ] = None,
    all_slices: Annotated[
        bool, typer.Option("--all-slices", help="Also slices that do not represent their series.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, help="Images per forward pass.")] = 32,
    workers: Annotated[int, typer.Option(min=0, help="Decoding threads; 0: one per core.")] = 0,
    format: FormatOption = None,
) -> None:
    """Compute the embeddings that are missing, of images and of reports.

    Interrupted, it goes on where it was when it is run again. A file that cannot be read any more is counted and
    named; the others go on.
    """
    from caseindex.encoders.model import load_model
    from caseindex.index.archive import Archive
    from caseindex.index.embed import embed as run
    from caseindex.index.identity_model import NAME, identity_model
    from caseindex.retrieval.word_index import open_word_index

    opened = Archive.find(archive)
    name = model or opened.settings.models.search
    with progress("embed", unit="items") as advance:
        if name == NAME:
            loaded = identity_model(opened, NAME, on_progress=lambda done, total: advance(done, total=total))
        else:
            loaded = load_model(opened.models_dir, name)
        summary = run(
            opened,
            loaded,
            all_slices=all_slices,
            batch=batch,
            workers=workers,
            on_progress=lambda done, total: advance(done, total=total),
        )
    open_word_index(opened)  # the first search would look whether reports changed, and wait
    for file, reason in list(summary.unreadable.items())[:20]:
        say(f"caseindex: not readable, left out: {file}: {reason}")
    if len(summary.unreadable) > 20:
        say(f"caseindex: and {len(summary.unreadable) - 20} more; --format json names all")
    row = {
        "model": summary.model,
        "fingerprint": summary.fingerprint,
        "images": summary.images,
        "reports": summary.reports,
        "present": summary.present,
        "unreadable": len(summary.unreadable),
        "seconds": round(summary.seconds, 3),
    }
    emit({**row, "unreadable": summary.unreadable}, [row], format=format)
