"""The audit as one self-contained page: no network, all text escaped, printable, readable without its script."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from caseindex.errors import CaseindexError
from caseindex.evaluation.misfiled_rate import MisfiledRate
from caseindex.records import Image, Language, PixelArray
from caseindex.retrieval.identity.audit import Audit
from caseindex.retrieval.identity.finding import Finding, FindingKind, Listed
from caseindex.retrieval.identity.page.words import words
from caseindex.retrieval.identity.reasons import written
from caseindex.retrieval.page.pictures import data_uri
from caseindex.retrieval.page.words import page_language, written_date

_HERE = Path(__file__).parent
_HEIGHT, _GAP = 420, 16  # of the two pictures side by side, in the units of the drawing
_THUMBNAIL = 160  # pixels
_MOST_LINES = 80

Read = Callable[[Image], PixelArray]


def render_audit(
    result: Audit, model: str, read: Read, *, language: Language | None = None, made: datetime | None = None
) -> str:
    """``read`` gives an image's pixels and may raise as :func:`~caseindex.ingest.decode.read_pixels` does. ``language``:
    Russian or English; default by the locale."""
    language = page_language(language)
    if language is not Language.RUSSIAN:
        language = Language.ENGLISH
    w = words(language)
    style = (_HERE.parents[1] / "page" / "page.css").read_text("utf-8") + (_HERE / "audit.css").read_text("utf-8")
    script = (_HERE / "audit.js").read_text("utf-8")
    moment = made or datetime.now()
    why = w["uncalibrated"] if result.calibration is None else w["calibrated"]
    why = why.format(persons=result.calibration.persons if result.calibration is not None else 0)
    page = {
        "made": f"{written_date(moment.date().isoformat(), language)}, {moment:%H:%M}",
        "looked": w["looked"].format(images=result.images, patients=result.patients, model=model, why=why),
        "estimated": _estimated(result.misfiled, result.beyond_prior, w),
        "shown": w["shown"].format(count=len(result.findings)),
        "findings": [_shown(item, read, w, language) for item in result.findings],
    }
    return str(
        _template().render(
            page=page,
            w=w,
            language=language.value,
            style=style,
            script=script,
            style_hash=Markup(_digest(style)),
            script_hash=Markup(_digest(script)),
        )
    )


def _estimated(rate: MisfiledRate | None, beyond: bool, w: dict[str, str]) -> str:
    if rate is None:
        return ""
    images, low, high = (f"{one:.0f}" for one in rate.images)
    said = w["estimated"].format(images=images, low=low, high=high)
    return f"{said} {w['estimated_more'].format(share=rate.as_prior)}" if beyond else said


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@lru_cache(maxsize=1)
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("audit.html.jinja")


def _shown(item: Listed, read: Read, w: dict[str, str], language: Language) -> dict[str, Any]:
    one = item.finding
    suggested = one.suggested_patient_id or ""
    false = item.expected_false
    return {
        "rank": item.rank,
        "kind": one.kind.value,
        "who": " · ".join(one.patient_ids),
        "probability": chance(one.probability) if one.probability is not None else w["unknown"],
        "false_so_far": w["false_so_far"].format(value=f"{false:.1f}", rank=item.rank) if false is not None else "",
        "decided": w[one.decided.decision.value] if one.decided is not None else "",
        "pair": _pair(one, read, w),
        "strips": _strips(one, read, w),
        "reasons": [written(reason, language) for reason in one.reasons],
        "do": w[f"do_{one.kind.value}"].format(patient=suggested),
        "data": json.dumps(
            {
                "finding": one.key,
                "kind": one.kind.value,
                "image_uids": [image.image_uid for image in one.images],
                "patient_ids": list(one.patient_ids),
                "suggested_patient_id": one.suggested_patient_id,
            },
            ensure_ascii=False,
        ),
    }


def chance(value: float) -> str:
    """A probability for a reader: small ones as one in so many.

    >>> chance(0.42), chance(0.0004), chance(0.9999)
    ('42%', '1 in 2,500', 'over 99.9%')
    """
    if value > 0.999:
        return "100%" if value >= 1 else "over 99.9%"
    if value >= 0.01:
        return f"{100 * value:.0f}%"
    return f"1 in {round(1 / value):,}" if value > 1e-7 else "under 1 in 10,000,000"


def _pair(one: Finding, read: Read, w: dict[str, str]) -> dict[str, Any] | None:
    """The two pictures that say most, side by side, with their agreeing key points joined."""
    if not one.images or not one.others:
        return None
    pictures: list[dict[str, Any]] = []
    left = 0.0
    for image in (one.images[0], one.others[0]):
        pixels = _pixels(image, read)
        if pixels is None:
            return None
        width = _HEIGHT * pixels.shape[1] / pixels.shape[0]
        title = w["filed"].format(patient=image.patient_id or "?")
        pictures.append(
            {"uri": data_uri(pixels), "x": round(left, 1), "y": 0, "width": round(width, 1), "height": _HEIGHT, "title": title}
        )  # fmt: skip
        left += width + _GAP
    lines = []
    if one.geometry is not None and one.geometry.transform is not None and one.kind is not FindingKind.DUPLICATE_IMAGE:
        first, second = pictures
        for start, end in zip(one.geometry.first[:_MOST_LINES], one.geometry.second[:_MOST_LINES], strict=True):
            lines.append(
                [
                    round(float(first["x"] + start[0] * first["width"]), 1),
                    round(float(start[1] * _HEIGHT), 1),
                    round(float(second["x"] + end[0] * second["width"]), 1),
                    round(float(end[1] * _HEIGHT), 1),
                ]
            )
    return {"width": round(left - _GAP, 1), "height": _HEIGHT, "pictures": pictures, "lines": lines}


def _strips(one: Finding, read: Read, w: dict[str, str]) -> list[dict[str, Any]]:
    named = w["this"] if len(one.images) == 1 else w["these"]
    strips = [(named, one.images)]
    if one.kind is not FindingKind.DUPLICATE_IMAGE:
        strips.append((w["other"].format(patient=one.others[0].patient_id if one.others else ""), one.others))
    if one.own:
        strips.append((w["own"].format(patient=one.own[0].patient_id), one.own))
    return [{"title": title, "images": [_thumbnail(image, read) for image in images]} for title, images in strips]


def _thumbnail(image: Image, read: Read) -> dict[str, str]:
    pixels = _pixels(image, read)
    caption = " · ".join(part for part in (image.file, image.date, image.patient_id) if part)
    return {"uri": data_uri(_small(pixels)) if pixels is not None else "", "caption": caption}


def _small(pixels: PixelArray) -> PixelArray:
    import cv2
    import numpy as np

    scale = _THUMBNAIL / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _pixels(image: Image, read: Read) -> PixelArray | None:
    try:
        return read(image)
    except (CaseindexError, OSError):
        return None
