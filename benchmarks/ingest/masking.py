"""Burned-in text that the mask finds, and anatomy that it takes with it.

    python benchmarks/ingest/masking.py --data DIR [--texts N] [--seed S]

DIR holds the packs `kermany_cxr` (chest radiographs) and `medpix2` (CT, MR) in the manifest layout. Into each picture
without text of its own in the place, texts are burned by OpenCV and Pillow in several fonts: 1.5 to 6% of the height,
grey or white or black, a third with an outline, a sixth half transparent, a sixth blurred (sigma 0.8 pixels), half of
the pictures through JPEG at quality 90. Placements: `beside` the body, near the `border` over the body (the outer 15%), `over` the anatomy elsewhere. A text
is at least 50 levels from what it lies on.

`recall`: of the pixels that a text changed by 25 levels or more, those that the mask covers. `gone`: of the texts, those with
recall of at least 0.8. `false`: of the pixels 6 or more away from any text, those that the mask covers; zones where the packs
have texts of their own (`OWN`) do not count. `untouched`: the same of the pictures with nothing burned in. `watermark`: of
the medpix2 pictures' own watermark over black, pixels above 60 that go. Times on one core.
Pictures with an even number were looked at while the mask was made, those with an odd one are held out. Writes
``benchmarks/ingest/results/masking.json``.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from caseindex.ingest.masking import text_mask

RESULTS = Path(__file__).parent / "results"

#: Rows of kermany_cxr's manifest that show no letter at all, by eye.
WITHOUT_TEXT = (287, 594, 796, 812, 1163, 1300, 1397, 1468, 1474, 1587, 1908, 2429)
#: Share of rows at the top and at the bottom of medpix2 where its watermark and source line are.
OWN = (0.13, 0.10)
TEXTS = {
    "latin": ("IVANOV I.I.", "R", "L", "AP PORTABLE", "12.03.2021 14:55", "SUPINE", "MRN 0045127", "St. Mary Hospital",
              "kV 120 mAs 250", "W 350 L 40", "A-P", "Doe^John 1960/05/11", "LOGO", "MedScan(R)", "8/24"),
    "cyrillic": ("ИВАНОВА М.П.", "Городская больница", "12 лет", "снимок лёжа", "ЛЕВ"),
}  # fmt: skip
HERSHEY = {"simplex": cv2.FONT_HERSHEY_SIMPLEX, "plain": cv2.FONT_HERSHEY_PLAIN, "duplex": cv2.FONT_HERSHEY_DUPLEX,
           "complex": cv2.FONT_HERSHEY_COMPLEX}  # fmt: skip
#: Files of matplotlib; the names of the fonts that it always has.
TRUETYPE = ("DejaVuSans.ttf", "DejaVuSansMono-Bold.ttf", "DejaVuSerif.ttf")
Draw = Callable[[str, int], np.ndarray]


def hershey(font: int) -> Draw:
    def draw(text: str, height: int) -> np.ndarray:
        thickness = max(1, round(height / 12))
        scale = cv2.getFontScaleFromHeight(font, height, thickness)
        (width, high), below = cv2.getTextSize(text, font, scale, thickness)
        canvas = np.zeros((high + below + 8, width + 8), np.uint8)
        return cv2.putText(canvas, text, (4, high + 4), font, scale, 255, thickness, cv2.LINE_AA)

    return draw


def truetype(path: str | None) -> Draw:
    """``path`` None: Pillow's own font."""

    def draw(text: str, height: int) -> np.ndarray:
        size = 1.4 * height  # capitals are about 0.7 of the size
        font = ImageFont.load_default(size) if path is None else ImageFont.truetype(path, size)
        left, top, right, bottom = (int(edge) for edge in font.getbbox(text))
        canvas = Image.new("L", (right - left + 8, bottom - top + 8))
        ImageDraw.Draw(canvas).text((4 - left, 4 - top), text, fill=255, font=font)
        return np.asarray(canvas)

    return draw


def fonts() -> dict[str, tuple[Draw, bool]]:
    """Name -> (drawer, whether it has Cyrillic letters)."""
    from matplotlib import get_data_path

    found: dict[str, tuple[Draw, bool]] = {name: (hershey(font), False) for name, font in HERSHEY.items()}
    found["pillow"] = (truetype(None), False)
    for name in TRUETYPE:
        found[name] = (truetype(str(Path(get_data_path()) / "fonts" / "ttf" / name)), True)
    return found


def body_of(grey: np.ndarray) -> np.ndarray:
    level = np.percentile(grey, 2)
    return cv2.blur(grey, (15, 15)) > level + 14


def place(
    rng: np.random.Generator, shape: tuple[int, int], box: tuple[int, int], body: np.ndarray, allowed: np.ndarray,
    placement: str,
) -> tuple[int, int] | None:  # fmt: skip
    (rows, columns), (high, wide) = shape, box
    if high >= rows or wide >= columns:
        return None
    for _ in range(60):
        top, left = int(rng.integers(0, rows - high)), int(rng.integers(0, columns - wide))
        if placement != "over":
            edge = rng.integers(4)
            if edge < 2:
                top = int(rng.integers(0, max(1, int(0.15 * rows) - high)))
                top = top if edge else rows - high - top
            else:
                left = int(rng.integers(0, max(1, int(0.15 * columns) - wide)))
                left = left if edge == 2 else columns - wide - left
        window = (slice(top, top + high), slice(left, left + wide))
        share = float(body[window].mean())
        inner = min(top + high / 2, rows - top - high / 2) > 0.18 * rows
        inner = inner and min(left + wide / 2, columns - left - wide / 2) > 0.18 * columns
        fits = {"beside": share < 0.1, "border": share > 0.8 and not inner, "over": share > 0.9 and inner}[placement]
        if fits and allowed[window].all():
            return top, left
    return None


def burn(
    picture: np.ndarray, placement: str, allowed: np.ndarray, rng: np.random.Generator, drawers: dict[str, tuple[Draw, bool]]
) -> tuple[np.ndarray, dict[str, object], np.ndarray] | None:  # fmt: skip
    """(the picture with a text, what was burned, [rows, columns] true where it changed the picture by 25 or more)."""
    name = str(rng.choice(list(drawers)))
    draw, cyrillic = drawers[name]
    texts = TEXTS["latin"] + (TEXTS["cyrillic"] if cyrillic else ())
    share = float(rng.uniform(0.015, 0.06))
    height = max(6, round(share * picture.shape[0]))
    alpha = draw(str(rng.choice(texts)), height).astype(np.float32) / 255
    at = place(rng, picture.shape[:2], alpha.shape, body_of(picture), allowed, placement)  # type: ignore[arg-type]
    if at is None:
        return None
    window = (slice(at[0], at[0] + alpha.shape[0]), slice(at[1], at[1] + alpha.shape[1]))
    under = picture[window].astype(np.float32)
    far = np.percentile(under, [2, 98])
    greys = [grey for grey in (255, 255, 235, 200, 160, 120, 0) if grey >= far[1] + 50 or grey <= far[0] - 50]
    if not greys:
        return None
    grey = float(rng.choice(greys))
    kind = str(rng.choice(["plain", "plain", "soft", "outline", "outline", "transparent"]))
    if kind == "soft":
        alpha = cv2.GaussianBlur(alpha, (0, 0), 0.8)
    written = under
    if kind == "outline":
        edge = cv2.dilate(alpha, np.ones((3, 3), np.uint8))
        written = under * (1 - edge) + (0 if grey > 100 else 255) * edge
    strength = 0.6 if kind == "transparent" else 1.0
    written = written * (1 - strength * alpha) + grey * strength * alpha
    burned = picture.copy()
    burned[window] = np.clip(written, 0, 255).astype(np.uint8)
    changed = np.abs(burned.astype(np.int16) - picture) >= 25
    what: dict[str, object] = {"font": name, "kind": kind, "polarity": "dark" if grey < 100 else "bright",
                               "size": "small" if share < 0.03 else "large", "placement": placement}  # fmt: skip
    return burned, what, changed


def pictures(data: Path, every: int) -> Iterator[tuple[int, np.ndarray, np.ndarray, str]]:
    """(number, picture, [rows, columns] true where the pack has no text of its own, modality)."""
    for pack in ("kermany_cxr", "medpix2"):
        with (data / pack / "manifest.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        numbers = WITHOUT_TEXT if pack == "kermany_cxr" else range(0, len(rows), every)
        for number, at in enumerate(numbers):
            picture = cv2.imread(str(data / pack / rows[at]["image"]), cv2.IMREAD_GRAYSCALE)
            allowed = np.ones(picture.shape, np.bool_)
            if pack == "medpix2":
                allowed[: int(OWN[0] * len(allowed))] = False
                allowed[len(allowed) - int(OWN[1] * len(allowed)) :] = False
            yield number, picture, allowed, rows[at]["modality"]


def summarised(found: list[dict[str, object]], keys: tuple[str, ...]) -> dict[str, dict[str, float]]:
    groups: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in found:
        groups[" ".join(str(row[key]) for key in keys)].append(row)
    summary = {}
    for key, members in sorted(groups.items()):
        pixels = sum(int(row["pixels"]) for row in members)  # type: ignore[call-overload]
        hit = sum(int(row["hit"]) for row in members)  # type: ignore[call-overload]
        gone = [int(row["hit"]) >= 0.8 * int(row["pixels"]) for row in members]  # type: ignore[call-overload]
        summary[key] = {"texts": len(members), "recall": round(hit / pixels, 3), "gone": round(float(np.mean(gone)), 3)}
    return summary


def watermark(data: Path) -> dict[str, float]:
    """Of all medpix2 pictures whose upper right corner is dark but for the watermark: what lies around the corner is."""
    before = after = count = 0
    with (data / "medpix2" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[::5]
    for row in rows:
        picture = cv2.imread(str(data / "medpix2" / row["image"]), cv2.IMREAD_GRAYSCALE)
        high, wide = picture.shape
        corner = (slice(0, high // 12), slice(wide * 2 // 3, wide))
        bright = picture[corner] > 60
        around = np.concatenate([picture[high // 12, wide * 2 // 3 :], picture[: high // 12, wide * 2 // 3]])
        if bright.mean() < 0.005 or around.max() > 40:
            continue
        count += 1
        before += int(bright.sum())
        after += int((bright & ~text_mask(picture)[corner]).sum())
    return {"pictures": count, "recall": round(1 - after / max(1, before), 3)}


def measure(data: Path, texts: int, seed: int, every: int, parity: int) -> dict[str, object]:
    drawers = fonts()
    rng = np.random.default_rng(seed)
    found: list[dict[str, object]] = []
    shares: list[float] = []
    untouched: list[float] = []
    times: list[float] = []
    for number, picture, allowed, modality in pictures(data, every):
        if number % 2 != parity:
            continue
        untouched.append(float(text_mask(picture)[allowed].mean()))
        for placement in ("beside", "border", "over"):
            for _ in range(texts):
                made = burn(picture, placement, allowed, rng, drawers)
                if made is None:
                    continue
                burned, what, changed = made
                if rng.random() < 0.5:
                    packed = cv2.imencode(".jpg", burned, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
                    burned = cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)
                started = time.perf_counter()
                mask = text_mask(burned)
                times.append(time.perf_counter() - started)
                far = allowed & (cv2.dilate(changed.astype(np.uint8), np.ones((13, 13), np.uint8)) == 0)
                shares.append(float(mask[far].mean()))
                found.append(what | {"pixels": int(changed.sum()), "hit": int((mask & changed).sum()),
                                     "pack": "radiograph" if modality == "CR" else "slice"})  # fmt: skip
    return {
        "pictures": len(untouched),
        "texts": len(found),
        "false": round(float(np.mean(shares)), 5),
        "untouched": round(float(np.mean(untouched)), 5),
        "untouched_worst": round(max(untouched), 4),
        "ms_median": round(1000 * statistics.median(times), 1),
        "by_placement": summarised(found, ("placement",)),
        "by_pack": summarised(found, ("pack", "placement")),
        "by_kind": summarised(found, ("placement", "kind")),
        "by_size": summarised(found, ("placement", "size")),
        "by_polarity": summarised(found, ("placement", "polarity")),
        "by_font": summarised(found, ("placement", "font")),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--texts", type=int, default=4, help="per picture and placement")
    parser.add_argument("--every", type=int, default=20, help="of medpix2's pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("looked_at", "held_out"), help="measure this half, write nothing")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    halves = {"looked_at": 0, "held_out": 1}
    if arguments.only:
        halves = {arguments.only: halves[arguments.only]}
    result: dict[str, object] = {"load": round(os.getloadavg()[0], 2)}
    for name, parity in halves.items():
        result[name] = measure(arguments.data, arguments.texts, arguments.seed + parity, arguments.every, parity)
    result["watermark"] = watermark(arguments.data)
    print(json.dumps(result, indent=1))
    if not arguments.only:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "masking.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
