"""The picture of the README: a page of search results from a synthetic archive, as a browser shows it.

    caseindex demo demo-archive
    python benchmarks/readme_picture.py demo-archive/archive [--model NAME] [--text WORDS]

Writes docs/pictures/search.png. Needs Chromium (or Chrome) on the PATH. No image and no text in it is of a real patient.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from caseindex.index.archive import Archive
from caseindex.records import Language
from caseindex.retrieval.query import Query
from caseindex.retrieval.search import Searcher
from caseindex.retrieval.shown import page_of

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "search.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTH, HEIGHT = 1100, 900
LARGEST_BYTES = 400_000


def photograph(page: Path, picture: Path) -> None:
    """The first screen of ``page`` as PNG."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise SystemExit(f"none of {', '.join(BROWSERS)} is on the PATH; install Chromium")
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser,
                "--headless",
                "--no-sandbox",  # the page is our own file and loads nothing
                "--disable-gpu",
                "--hide-scrollbars",
                f"--user-data-dir={profile}",
                f"--window-size={WIDTH},{HEIGHT}",
                f"--screenshot={picture}",
                page.absolute().as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )


def shrink(picture: Path) -> None:
    """256 colours are enough for grey pictures and text, and a third of the bytes."""
    from PIL import Image

    with Image.open(picture) as shot:
        shot.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(picture, optimize=True)
    if picture.stat().st_size > LARGEST_BYTES:
        raise SystemExit(f"{picture} has {picture.stat().st_size} bytes, more than {LARGEST_BYTES}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--model", help="a model, instead of the one in archive.toml")
    parser.add_argument("--text", default="ишемический инсульт")
    options = parser.parse_args()
    archive = Archive.open(options.archive)
    query = Query(text=options.text, k=6)
    answer = Searcher(archive, options.model).search(query)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "search.html"
        page.write_text(page_of(archive, query, answer, Language.ENGLISH), "utf-8")
        photograph(page, PICTURE)
    shrink(PICTURE)
    print(f"{PICTURE}: {PICTURE.stat().st_size} bytes, {len(answer.hits)} hits")


if __name__ == "__main__":
    main()
