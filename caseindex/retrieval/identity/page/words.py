"""The words of the audit's page, in English and Russian."""

from __future__ import annotations

from caseindex.records import Language

EN = {
    "title": "Audit of patient identity",
    "made": "made",
    "lead": "What in this archive is probably filed wrongly, most probable first. Nothing was moved or changed: each line is a "
    "question to you.",
    "looked": "{images} images of {patients} patients were compared with model {model}; {why}.",
    "estimated": "All similarities together speak for about {images} misfiled images in the archive (95% interval {low} to {high}), "
    "whatever the prior of the probabilities.",
    "estimated_more": "That is more than the prior expects; the audit with --prior {share} takes it into account.",
    "calibrated": "probabilities are calibrated on {persons} patients",
    "uncalibrated": "there are no probabilities: too few patients with several images to calibrate on",
    "shown": "{count} findings",
    "misfiled": "Filed under the wrong patient?",
    "two_ids": "One person under two ids?",
    "duplicate_image": "Copies of one image",
    "probability": "probability",
    "unknown": "not known",
    "false_so_far": "expected false alarms up to here: {value} of {rank}",
    "this": "This image",
    "these": "These images",
    "other": "Images of patient {patient}",
    "own": "Other images of patient {patient}, where it is filed",
    "filed": "filed under {patient}",
    "lines": "Key points that agree are joined by lines.",
    "do": "What to do",
    "do_misfiled": "Look at both examinations, then at the worklist entry and the accession number of this image. If it belongs to "
    "patient {patient}, correct it in the archive system and confirm here.",
    "do_two_ids": "Compare the demographic data of both ids. If they are one person, join them in the patient index (proposed: keep "
    "{patient}) and confirm here.",
    "do_duplicate_image": "If the copies are filed under two patients, find out whose image it is. Within one patient, one copy can go.",
    "confirmed": "Confirm",
    "rejected": "Reject",
    "unsure": "Unsure",
    "save": "Save decisions",
    "saved_with": "Then: caseindex audit --decide FILE",
    "decided": "decided",
    "no_picture": "source not readable",
    "none_title": "Nothing found",
    "none": "No image of this archive looks as if it were filed wrongly, at the settings of this audit.",
    "footer": "Not a medical device. The page holds images of patients: keep it where the archive is kept.",
}
RU = {
    "title": "Проверка принадлежности изображений пациентам",
    "made": "составлено",
    "lead": "Что в этом архиве, вероятно, хранится неправильно, начиная с самого вероятного. Ничего не перемещено и не изменено: "
    "каждая строка — вопрос к вам.",
    "looked": "Сравнены изображения ({images}) пациентов ({patients}), модель {model}; {why}.",
    "estimated": "Все сходства вместе говорят примерно о {images} неверно отнесённых изображениях в архиве (95% интервал: от {low} "
    "до {high}), какой бы ни была априорная доля.",
    "estimated_more": "Это больше, чем ожидает априорная доля; проверка с --prior {share} это учитывает.",
    "calibrated": "вероятности откалиброваны по пациентам ({persons})",
    "uncalibrated": "вероятностей нет: для калибровки мало пациентов с несколькими изображениями",
    "shown": "Находок: {count}",
    "misfiled": "Не у того пациента?",
    "two_ids": "Один человек под двумя номерами?",
    "duplicate_image": "Копии одного изображения",
    "probability": "вероятность",
    "unknown": "неизвестна",
    "false_so_far": "ожидаемое число ложных до этого места: {value} из {rank}",
    "this": "Это изображение",
    "these": "Эти изображения",
    "other": "Изображения пациента {patient}",
    "own": "Другие изображения пациента {patient}, у которого хранится",
    "filed": "хранится у {patient}",
    "lines": "Совпадающие ключевые точки соединены линиями.",
    "do": "Что делать",
    "do_misfiled": "Посмотрите оба исследования, затем запись рабочего списка и номер направления этого изображения. Если оно "
    "принадлежит пациенту {patient}, исправьте это в архивной системе и подтвердите здесь.",
    "do_two_ids": "Сравните паспортные данные обоих номеров. Если это один человек, объедините их в реестре пациентов (предлагается "
    "оставить {patient}) и подтвердите здесь.",
    "do_duplicate_image": "Если копии хранятся у двух пациентов, выясните, чьё это изображение. У одного пациента лишнюю копию можно убрать.",
    "confirmed": "Подтвердить",
    "rejected": "Отклонить",
    "unsure": "Не ясно",
    "save": "Сохранить решения",
    "saved_with": "Затем: caseindex audit --decide FILE",
    "decided": "решено",
    "no_picture": "источник недоступен",
    "none_title": "Ничего не найдено",
    "none": "При этих настройках ни одно изображение архива не выглядит хранящимся неправильно.",
    "footer": "Не является медицинским изделием. На странице изображения пациентов: храните её там же, где архив.",
}


def words(language: Language) -> dict[str, str]:
    """Russian where asked for, else English."""
    return RU if language is Language.RUSSIAN else EN
