"""The verification as one self-contained page: no network, no script, all text escaped, printable."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from caseindex.errors import CaseindexError
from caseindex.records import Image, Language, PixelArray, Side
from caseindex.retrieval.page.pictures import data_uri, thumbnail_or_source
from caseindex.retrieval.page.words import page_language, written_date
from caseindex.retrieval.picture import read_archived
from caseindex.retrieval.verify.consistency import Outcome
from caseindex.retrieval.verify.opened import Opened
from caseindex.retrieval.verify.page.coloured import coloured
from caseindex.retrieval.verify.page.overlay import overlay_uri
from caseindex.retrieval.verify.page.words import words
from caseindex.retrieval.verify.regions import Region, locatable, regions
from caseindex.retrieval.verify.thresholds import Threshold
from caseindex.retrieval.verify.verdict import Neighbour, Ruling, StatementRuling, Verdict

_HERE = Path(__file__).parent
_BAR = 90
_MOST_MAPPED = 12  # cases with region maps: each costs dozens of forward passes
_MAPS = 3  # of a case
_EXCERPT = 220


def page_of(
    opened: Opened,
    shown: Sequence[Verdict],
    *,
    language: Language | None = None,
    pictures: Sequence[PixelArray] = (),
    made: datetime | None = None,
    shifted: bool = False,
) -> str:
    """``pictures``: those of the only case, where it is not archived. ``language``: Russian or English; default by the
    locale. ``shifted``: whether the cases are unlike those that the line was drawn on."""
    language = Language.RUSSIAN if page_language(language) is Language.RUSSIAN else Language.ENGLISH
    w = words(language)
    style = (_HERE.parents[1] / "page" / "page.css").read_text("utf-8") + (_HERE / "verify.css").read_text("utf-8")
    moment = made or datetime.now()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = {
        "made": f"{written_date(moment.date().isoformat(), language)}, {moment:%H:%M}",
        "line": _line(shown[0].threshold, w) if shown else "",
        "shifted": w["shifted"] if shifted else "",
        "cases": [_case(opened, one, number, w, language, pictures) for number, one in enumerate(shown, start=1)],
        "model": f"{opened.model.name} {opened.model.fingerprint[:12]}"
        + (f" · {opened.pair.name} {opened.pair.fingerprint[:12]}" if opened.pair is not None else "")
        + (f" · {opened.fingerprint[:12]}" if opened.fingerprint else ""),
    }
    return str(_template().render(page=page, w=w, language=language.value, style=style, style_hash=Markup(digest)))


@lru_cache(maxsize=1)
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("verify.html.jinja")


def _line(threshold: Threshold, w: dict[str, str]) -> str:
    if not threshold.enough:
        return w["no_line"].format(patients=threshold.patients, rate=_percent(threshold.rate, w))
    return w["line"].format(
        threshold=_percent(threshold.value, w),
        rate=_percent(threshold.rate, w),
        low=_percent(threshold.low, w),
        high=_percent(threshold.high, w),
        patients=threshold.patients,
    )


def _percent(value: float, w: dict[str, str]) -> str:
    text = f"{100 * value:.1f}%" if value < 0.1 else f"{100 * value:.0f}%"
    return text.replace(".", w["point"])


def _chance(value: float, w: dict[str, str]) -> str:
    return w["undecided"] if math.isnan(value) else _percent(value, w)


def _case(
    opened: Opened,
    one: Verdict,
    number: int,
    w: dict[str, str],
    language: Language,
    pictures: Sequence[PixelArray],
) -> dict[str, Any]:
    own, image = one.filed, one.filed.images[0]
    pixels = pictures[0] if pictures else _pixels(opened, image)
    mapped = _regions(opened, one, pixels) if pixels is not None and number <= _MOST_MAPPED else []
    flagged = one.ruling in (Ruling.DOUBTFUL, Ruling.CONTRADICTS)
    return {
        "number": number,
        "ruling": one.ruling.value,
        "who": " · ".join(part for part in (image.patient_id, image.modality, own.report.date, image.file) if part),
        "agreement": _chance(one.agreement, w),
        "probably": w[max(one.errors, key=lambda name: one.errors[name])] if flagged else "",
        "picture": data_uri(pixels) if pixels is not None else None,
        "regions": [_region(region, one, w, language) for region in mapped if region.tested.any()],
        "no_map": _no_map([region for region in mapped if not region.tested.any()], w, language),
        "unlike": w["unlike"] if one.unlike else "",
        "witnesses": [_witness(name, value, w) for name, value in one.witnesses.items()],
        "checks": [
            w[f"check_{check.check.value}"].format(told=_names(check.told, language), recorded=check.recorded)
            for check in one.evidence.checks
            if check.outcome is Outcome.CONTRADICTS
        ],
        "report": coloured(own.report.text, one.statements),
        "language": own.report.language.value if own.report.language else None,
        "statements": [_statement(each, w, language) for each in one.statements],
        "missing": [
            w["missing_one"].format(
                finding=_named(each.concept, language),
                image=_percent(each.probability, w),
                share=_percent(each.share, w),
                base=_percent(each.base, w),
            )
            for each in one.missing
        ],
        "nearest": [_near(opened, each, w) for each in one.nearest],
    }


def _witness(name: str, value: float, w: dict[str, str]) -> dict[str, Any]:
    known = not math.isnan(value)
    return {
        "name": w["witness_statements" if name == "statements" else name],
        "bar": round(_BAR * value, 1) if known else None,
        "value": _chance(value, w),
    }


def _statement(one: StatementRuling, w: dict[str, str], language: Language) -> dict[str, str]:
    said = [w[one.statement.polarity.value]] + ([w[one.statement.side.value]] if one.statement.side else [])
    return {
        "finding": _named(one.statement.finding, language),
        "said": ", ".join(said),
        "ruling": one.ruling.value,
        "agreement": _chance(one.agreement, w),
        "why": "; ".join(w[f"why_{name}"] for name in one.why),
    }


def _names(told: str, language: Language) -> str:
    """Concepts by their names; ages, sexes and the like as they are."""
    from caseindex.reports.lexicon import load_lexicon

    known = load_lexicon().concepts
    return ", ".join(_named(one, language) if one in known else one for one in told.split(", "))


def _named(concept: str, language: Language) -> str:
    from caseindex.reports.lexicon import load_lexicon

    names = load_lexicon().concept(concept).names.get(language)
    return names[0] if names else concept.replace("_", " ")


def _regions(opened: Opened, one: Verdict, pixels: PixelArray) -> list[Region]:
    """Of the most doubtful statements, then of those that are borne out, each finding once."""
    encoder = opened.model.image
    judged = [each for each in one.statements if not math.isnan(each.agreement)]
    judged.sort(key=lambda each: (each.ruling is not Ruling.DOUBTFUL, each.agreement))
    asked: list[tuple[str, Side | None]] = []
    for each in judged:
        side = each.statement.side if "side" in each.why else None
        if all(each.statement.finding != name for name, _ in asked):
            asked.append((each.statement.finding, side))
    asked = [*asked[:_MAPS], *((each.concept, None) for each in one.missing)][:_MAPS]
    asked = [(name, side) for name, side in asked if side is not None or locatable(name)]
    if encoder is None or not asked:
        return []
    return regions(encoder, opened.verifier.witnesses.expectation, pixels, one.filed.fold, asked)


def _region(one: Region, verdict: Verdict, w: dict[str, str], language: Language) -> dict[str, str]:
    told = [each.statement.polarity.value for each in verdict.statements if each.statement.finding == one.concept]
    side = f", {w[one.side.value]}" if one.side is not None else ""
    said = w[told[0]] if told else w["unmentioned"]
    notes = []
    if one.holds:
        notes.append(w["region_holds"].format(part=_odds(-one.lost, w), random=_odds(-max(one.lost_at_random), w)))
    if one.holds_against:
        notes.append(
            w["region_against"].format(part=_odds(-one.lost_against, w), random=_odds(-min(one.lost_at_random), w))
        )
    return {
        "title": f"{_named(one.concept, language)}{side} ({w['said']}: {said}).",
        "uri": overlay_uri(one.tested),
        "note": " ".join(notes),
    }


def _odds(change: float, w: dict[str, str]) -> str:
    """The factor of the odds that this change of log odds is."""
    factor = math.exp(min(change, 7.0))
    return (f"{factor:.2f}" if factor < 1 else f"{factor:.1f}" if factor < 10 else f"{factor:.0f}").replace(
        ".", w["point"]
    )


def _no_map(failed: Sequence[Region], w: dict[str, str], language: Language) -> str:
    names = dict.fromkeys(_named(one.concept, language) for one in failed)
    return w["region_none"].format(findings=", ".join(names)) if names else ""


def _near(opened: Opened, one: Neighbour, w: dict[str, str]) -> dict[str, Any]:
    with opened.archive.store.read() as reader:
        report = reader.report(one.report_uid)
        images = list(reader.images(study_uid=one.study_uid))
    if report is not None and report.image_uids:
        images = [image for image in images if image.image_uid in report.image_uids] or images
    images = [image for image in images if image.represents_series] or images
    pixels = _pixels(opened, images[0]) if images else None
    text = " ".join(report.text.split()) if report is not None else ""
    return {
        "picture": data_uri(_small(pixels)) if pixels is not None else None,
        "who": f"{w['patient']} {one.patient_id} · {one.similarity:.2f}",
        "report": text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…",
    }


def _small(pixels: PixelArray) -> PixelArray:
    step = max(1, max(pixels.shape[:2]) // 256)
    return pixels[::step, ::step]


def _pixels(opened: Opened, image: Image) -> PixelArray | None:
    read = thumbnail_or_source(opened.archive.thumbnails_dir, lambda one: read_archived(opened.archive, one))
    try:
        return read(image)
    except (CaseindexError, OSError):
        return None
