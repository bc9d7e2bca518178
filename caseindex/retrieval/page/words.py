"""The page's own words in Russian, English and Chinese."""

from __future__ import annotations

import locale
import os
from typing import Final

from caseindex.records import Language

_RU: Final = {
    "title": "Похожие случаи",
    "colon": ": ",
    "question": "Запрос",
    "by_words": "по словам",
    "by_picture": "по изображению",
    "by_study": "по исследованию",
    "understood": "Распознано",
    "filters": "Отбор",
    "found": "Найдено",
    "searched": "Сравнено изображений или заключений",
    "none_title": "Похожих случаев нет",
    "none_text": "В архиве нет случая, который подходит к запросу. Измените слова или снимите часть условий отбора.",
    "note": "Обратите внимание",
    "patient": "Пациент",
    "date": "Дата",
    "examination": "Исследование",
    "sex": "Пол",
    "age": "Возраст",
    "years": "лет",
    "F": "женский",
    "M": "мужской",
    "O": "другой",
    "matched": "Совпало",
    "report": "слова заключения",
    "image": "изображение",
    "probability": "Вероятность",
    "similarity": "Сходство",
    "relevance": "Соответствие запросу",
    "of_one": "из 1",
    "strong": "полное",
    "good": "хорошее",
    "partial": "частичное",
    "whole_report": "Заключение целиком",
    "no_report": "Заключения в архиве нет.",
    "no_picture": "Изображение недоступно",
    "unknown": "не указано",
    "scale_words": "Соответствие: какую часть смысла запроса утверждает заключение (отрицания не считаются).",
    "scale_picture": "Сходство: косинус между векторами изображений, 1 — то же изображение. Это не вероятность диагноза.",
    "scale_both": "Сходство: общий балл слов и изображений от 0 до 1. Это не вероятность диагноза.",
    "footer": "Не медицинское изделие. Подборка для просмотра врачом; решение о диагнозе по ней не принимают.",
    "personal": "Страница содержит данные пациентов: храните и передавайте её как медицинскую документацию.",
    "made": "Составлено",
    "model": "модель",
    "study": "Исследование",
}
_EN: Final = {
    "title": "Similar cases",
    "colon": ": ",
    "question": "Question",
    "by_words": "by words",
    "by_picture": "by image",
    "by_study": "by study",
    "understood": "Understood as",
    "filters": "Filters",
    "found": "Found",
    "searched": "Images or reports compared",
    "none_title": "No similar case",
    "none_text": "No case in the archive fits the question. Try other words, or lift some of the filters.",
    "note": "Please note",
    "patient": "Patient",
    "date": "Date",
    "examination": "Examination",
    "sex": "Sex",
    "age": "Age",
    "years": "years",
    "F": "female",
    "M": "male",
    "O": "other",
    "matched": "Matched",
    "report": "report wording",
    "image": "image",
    "probability": "Probability",
    "similarity": "Similarity",
    "relevance": "Fits the question",
    "of_one": "of 1",
    "strong": "fully",
    "good": "well",
    "partial": "in part",
    "whole_report": "Whole report",
    "no_report": "The archive has no report for this case.",
    "no_picture": "Image not available",
    "unknown": "not given",
    "scale_words": "Fit: how much of the question's meaning the report asserts (what it denies does not count).",
    "scale_picture": "Similarity: cosine between image vectors, 1 = the same image. It is not the probability of a diagnosis.",
    "scale_both": "Similarity: words and images together, 0 to 1. It is not the probability of a diagnosis.",
    "footer": "Not a medical device. A selection for a physician to look through; no diagnosis is to be based on it.",
    "personal": "This page holds patients' data: keep it and pass it on as you would a medical record.",
    "made": "Made",
    "model": "model",
    "study": "Study",
}
_ZH: Final = {
    "title": "相似病例",
    "colon": "：",
    "question": "查询",
    "by_words": "按文字",
    "by_picture": "按图像",
    "by_study": "按检查",
    "understood": "识别为",
    "filters": "筛选条件",
    "found": "找到",
    "searched": "已比较的图像或报告数",
    "none_title": "没有相似病例",
    "none_text": "档案中没有符合查询的病例。请更换词语或减少筛选条件。",
    "note": "请注意",
    "patient": "患者",
    "date": "日期",
    "examination": "检查项目",
    "sex": "性别",
    "age": "年龄",
    "years": "岁",
    "F": "女",
    "M": "男",
    "O": "其他",
    "matched": "匹配依据",
    "report": "报告文字",
    "image": "图像",
    "probability": "概率",
    "similarity": "相似度",
    "relevance": "符合程度",
    "of_one": "/ 1",
    "strong": "完全",
    "good": "较好",
    "partial": "部分",
    "whole_report": "完整报告",
    "no_report": "档案中没有该病例的报告。",
    "no_picture": "图像不可用",
    "unknown": "未注明",
    "scale_words": "符合程度：报告肯定了查询含义的多少（否定的内容不计）。",
    "scale_picture": "相似度：图像向量的余弦值，1 表示同一图像。它不是诊断概率。",
    "scale_both": "相似度：文字与图像的综合得分，0 到 1。它不是诊断概率。",
    "footer": "非医疗器械。仅供医师浏览参考，不得据此作出诊断。",
    "personal": "本页包含患者数据，请按病历资料保管和传递。",
    "made": "生成于",
    "model": "模型",
    "study": "检查",
}
WORDS: Final[dict[Language, dict[str, str]]] = {
    Language.RUSSIAN: _RU,
    Language.ENGLISH: _EN,
    Language.CHINESE: _ZH,
}

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def page_language(given: Language | None = None) -> Language:
    """``given``, else that of the locale (LC_ALL, LC_MESSAGES, LANG), else English."""
    if given is not None:
        return given
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name)
        if value:
            code = (locale.normalize(value).split("_")[0] or "").lower()
            return Language(code) if code in set(Language) else Language.ENGLISH
    return Language.ENGLISH


def written_date(date: str | None, language: Language) -> str | None:
    """An ISO date as people of this language write it; what is not a whole date stays as it is.

    >>> written_date("2024-03-01", Language.RUSSIAN), written_date("2024-03-01", Language.ENGLISH)
    ('01.03.2024', '1 Mar 2024')
    """
    parts = (date or "").split("-")
    if len(parts) != 3 or not all(part.isdigit() for part in parts) or not 1 <= int(parts[1]) <= 12:
        return date
    year, month, day = (int(part) for part in parts)
    if language is Language.RUSSIAN:
        return f"{day:02d}.{month:02d}.{year}"
    if language is Language.CHINESE:
        return f"{year}年{month}月{day}日"
    return f"{day} {_MONTHS[month - 1]} {year}"


def written_number(value: float, language: Language, digits: int = 2) -> str:
    """With a decimal comma in Russian. Never rounded up to 1 for what is not 1."""
    text = f"{min(value, 1 - 10**-digits) if 0.5 < value < 1 - 1e-6 else value:.{digits}f}"
    return text.replace(".", ",") if language is Language.RUSSIAN else text


def written_age(years: float, language: Language) -> str:
    """The age with its unit in the right form: 1 год, 2 года, 5 лет; months below two years.

    >>> written_age(41, Language.RUSSIAN), written_age(0.5, Language.ENGLISH)
    ('41 год', '6 months')
    """
    if years < 2:
        months = max(0, round(years * 12))
        unit = {Language.RUSSIAN: "мес.", Language.CHINESE: "个月"}.get(language, "month" if months == 1 else "months")
        return f"{months} {unit}"
    number = int(years)
    if language is Language.CHINESE:
        return f"{number} 岁"
    if language is Language.ENGLISH:
        return f"{number} years"
    if number % 10 == 1 and number % 100 != 11:
        return f"{number} год"
    return f"{number} года" if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14) else f"{number} лет"
