"""The answer as one self-contained HTML page: no network, no script, all text escaped, printable."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from caseindex.records import Hit, Image, Language, Report
from caseindex.retrieval.notes import translated
from caseindex.retrieval.page.marks import Span, excerpt, marked
from caseindex.retrieval.page.words import WORDS, page_language, written_age, written_date, written_number
from caseindex.retrieval.query import Answer, Query

_HERE = Path(__file__).parent
_BAR_WIDTH = 120
_STRONG, _GOOD = 0.66, 0.4  # of the fit to the words


@dataclass(frozen=True, slots=True)
class ShownHit:
    """A hit with what the page shows beside it. ``picture`` is a data URI; ``spans`` the matched characters of the
    report's text."""

    hit: Hit
    image: Image | None = None
    picture: str | None = None
    report: Report | None = None
    spans: tuple[Span, ...] = ()


def render_page(
    query: Query,
    answer: Answer,
    hits: Sequence[ShownHit],
    *,
    query_pictures: Sequence[str] = (),
    language: Language | None = None,
    made: datetime | None = None,
) -> str:
    """The page. ``language`` of its own words: Russian, English or Chinese; default by the locale."""
    language = page_language(language)
    w = WORDS[language]
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    moment = made or datetime.now()
    page = {
        "words": query.text,
        "asked_by": _asked_by(query, w),
        "query_pictures": list(query_pictures),
        "query_name": query.picture_name or query.study_uid,
        "understood": answer.understood,
        "filters": _filters(query, language),
        "notes": [translated(note, language) for note in answer.notes],
        "hits": [_shown(shown, query, language) for shown in hits],
        "scale": w[_scale(query)],
        "searched": f"{answer.searched:,}".replace(",", "\u202f"),
        "model": _model(answer),
        "made": f"{written_date(moment.date().isoformat(), language)}, {moment:%H:%M}",
    }
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return str(_template().render(page=page, w=w, language=language.value, style=style, style_hash=Markup(digest)))


@lru_cache(maxsize=1)
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("page.html.jinja")


def _asked_by(query: Query, w: dict[str, str]) -> list[str]:
    asked = [("by_words", query.text), ("by_picture", query.pictures), ("by_study", query.study_uid)]
    return [w[name] for name, given in asked if given]


def _scale(query: Query) -> str:
    if query.text and not query.pictures and query.study_uid is None:
        return "scale_words"
    return "scale_both" if query.text or query.study_uid else "scale_picture"


def _model(answer: Answer) -> str | None:
    if answer.model_name is None:
        return None
    return f"{answer.model_name} ({(answer.model_fingerprint or '')[:12]})"


def _filters(query: Query, language: Language) -> list[str]:
    from dataclasses import asdict

    w = WORDS[language]
    given = {name: value for name, value in asdict(query.filters).items() if value not in (None, (), "")}
    hidden = ("exclude_study_uids", "exclude_patient_ids")
    chips = []
    bounds = (given.pop("age_min", None), given.pop("age_max", None))
    days = (given.pop("date_from", None), given.pop("date_to", None))
    if any(bound is not None for bound in bounds):
        chips.append(f"{w['age']}{w['colon']}{_span(*(None if bound is None else f'{bound:g}' for bound in bounds))}")
    if any(days):
        chips.append(f"{w['date']}{w['colon']}{_span(*(written_date(day, language) for day in days))}")
    for name, value in given.items():
        if name in hidden:
            continue
        shown = "; ".join(map(str, value)) if isinstance(value, list | tuple | set | frozenset) else str(value)
        chips.append(w.get(shown.upper(), shown) if name == "sex" else shown)
    return chips


def _span(first: str | None, last: str | None) -> str:
    if first is None or last is None:
        return f"≥ {first}" if last is None else f"≤ {last}"
    return first if first == last else f"{first}–{last}"


def _shown(shown: ShownHit, query: Query, language: Language) -> dict[str, Any]:
    w, hit, image = WORDS[language], shown.hit, shown.image
    words_only = query.text is not None and not query.pictures and query.study_uid is None
    text = shown.report.text if shown.report is not None else hit.report
    part, shortened = excerpt(text, shown.spans) if text else (Markup(), False)
    score = written_number(hit.similarity, language)
    if words_only:
        degree = "strong" if hit.similarity >= _STRONG else "good" if hit.similarity >= _GOOD else "partial"
        score = f"{w[degree]} ({score})"
    probability = None if hit.probability is None else f"{written_number(100 * hit.probability, language, 0)} %"
    return {
        "rank": hit.rank,
        "title": _title(hit, language),
        "picture": shown.picture,
        "score_name": w["relevance"] if words_only else w["similarity"],
        "score": score,
        "probability": probability,
        "bar": round(_BAR_WIDTH * min(1.0, max(0.0, hit.probability or hit.similarity)), 1),
        "facts": _facts(hit, image, language),
        "matched_by": [w[name] for name in hit.matched_by if name in w],
        "matched_terms": hit.matched_terms,
        "report": part,
        "report_language": shown.report.language.value if shown.report and shown.report.language else None,
        "whole_report": marked(text.strip(), _moved(text, shown.spans)) if text and shortened else None,
    }


def _moved(text: str, spans: Sequence[Span]) -> list[Span]:
    lead = len(text) - len(text.lstrip())
    return [(start - lead, end - lead) for start, end in spans]


def _title(hit: Hit, language: Language) -> str:
    return "; ".join(hit.labels) if hit.labels else f"{WORDS[language]['study']} {hit.study_uid}"


def _facts(hit: Hit, image: Image | None, language: Language) -> list[tuple[str, str]]:
    w = WORDS[language]
    examination = [part for part in (hit.modality, image and image.body_part, image and image.view) if part]
    facts: list[tuple[str, str | None]] = [
        (w["patient"], hit.patient_id or w["unknown"]),
        (w["date"], written_date(hit.date, language)),
        (w["examination"], ", ".join(examination)),
        (w["sex"], w.get(image.sex.value) if image and image.sex else None),
        (w["age"], written_age(image.age_years, language) if image and image.age_years is not None else None),
    ]
    return [(name, value) for name, value in facts if value]
