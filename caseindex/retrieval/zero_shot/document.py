"""The answer of `caseindex score` as JSON, and as rows."""

from __future__ import annotations

from caseindex.retrieval.zero_shot.triage import Scored, Triage


def as_document(found: Triage) -> dict[str, object]:
    """The JSON shape of `caseindex score`."""
    return {
        "model": {"name": found.model_name, "fingerprint": found.model_fingerprint},
        "sentences": [
            {
                "text": item.text,
                "against": list(item.negatives),
                "calibrated": item.calibration is not None,
                "calibration": item.calibration.described() if item.calibration else None,
                "why": item.why,
            }
            for item in found.sentences
        ],
        "searched": found.searched,
        "notes": list(found.notes),
        "cases": [case_row(found, case) for case in found.cases],
    }


def case_row(found: Triage, case: Scored) -> dict[str, object]:
    """One case, with what each sentence says of it; ``probability`` is of the sentence that ranks it, or null."""
    top = case.scores[case.best]
    return {
        "rank": case.rank,
        "text": found.sentences[case.best].text,
        "probability": None if top.probability is None else round(top.probability, 4),
        "score": round(top.score, 6),
        "patient_id": case.patient_id,
        "study_uid": case.study_uid,
        "image_uid": case.image_uid,
        "file": case.file,
        "modality": case.modality,
        "reported": case.reported,
        "scores": [
            {
                "text": item.text,
                "margin": round(score.margin, 6),
                "score": round(score.score, 6),
                "probability": None if score.probability is None else round(score.probability, 4),
            }
            for item, score in zip(found.sentences, case.scores, strict=True)
        ],
    }
