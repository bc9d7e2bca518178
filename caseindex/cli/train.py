"""`caseindex train`: one subcommand per recipe."""

from __future__ import annotations

import typer

from caseindex.cli.train_classifier import classifier
from caseindex.cli.train_convert import convert
from caseindex.cli.train_identity import identity
from caseindex.cli.train_language import language
from caseindex.cli.train_pair import pair
from caseindex.cli.train_text_target import text_target

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Train encoders on this archive, or convert weights for it.",
    epilog="Example: caseindex train pair --name pair --minutes 5",
)


app.command(epilog="Examples: caseindex train identity; caseindex train identity --minutes 60 --other OTHER_ARCHIVE")(
    identity
)


app.command(epilog="Example: caseindex train language --name language --minutes 10")(language)


app.command(
    epilog="Examples: caseindex train classifier; caseindex train classifier --network cnn --epochs 100; "
    "caseindex train classifier --input text --labels labels.csv"
)(classifier)


app.command(
    "text-target",
    epilog="Examples: caseindex train text-target; caseindex train text-target --modality MR --sequence FLAIR "
    "--name text-target-flair",
)(text_target)


app.command(epilog="Example: caseindex train pair --archive ARCHIVE --name pair --minutes 5")(pair)


app.command(epilog="Example: caseindex train convert resnet50.pth resnet50.safetensors")(convert)
