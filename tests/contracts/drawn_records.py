"""Records as hypothesis draws them for the contract of RecordStore: few UIDs, so that they meet; odd names and texts."""

from __future__ import annotations

from hypothesis import strategies as st

from caseindex.records import Image, Language, Report, Series, Sex, Side, Study

PATIENTS = ["1", "P-2", "Иванов", "患者", "long" * 200, "bad\udcff"]
STUDIES = ["1.2", "1.2.3", "1.2.3.4", "s" * 600]
SERIES = ["9.1", "9.2", "9.2.1"]
IMAGES = ["i.1", "i.1#7", "i.2", "i.10", "и" * 300, "i\\\udc80", "i.3", "i.4"]
REPORTS = ["r1", "r2", "r3"]
MODELS = {"a" * 64: 3, "b" * 64: 5}  # fingerprint -> dim

optional_patient = st.none() | st.sampled_from(PATIENTS)
words = st.text(max_size=20) | st.sampled_from(["\ud800", "C:\\скан\udcf0.dcm", ""])
images = st.builds(
    Image,
    image_uid=st.sampled_from(IMAGES),
    study_uid=st.sampled_from(STUDIES),
    series_uid=st.none() | st.sampled_from(SERIES),
    patient_id=optional_patient,
    file=words,
    source=words,
    modality=st.none() | st.sampled_from(["CT", "MR"]),
    side=st.none() | st.sampled_from(Side),
    sex=st.none() | st.sampled_from(Sex),
    age_years=st.none() | st.floats(0, 120),
    labels=st.lists(words, max_size=2).map(tuple),
    rows=st.integers(0, 65535),
    pixel_spacing_mm=st.none() | st.tuples(st.floats(0, 5), st.floats(0, 5)),
    position_mm=st.none() | st.floats(-1e4, 1e4),
    represents_series=st.booleans(),
    pixel_sha256=st.sampled_from(["", "0" * 64]),
    attributes=st.dictionaries(words, words, max_size=2),
)
series = st.builds(
    Series,
    series_uid=st.sampled_from(SERIES),
    study_uid=st.sampled_from(STUDIES),
    description=st.none() | words,
    image_uids=st.lists(st.sampled_from(IMAGES), unique=True).map(tuple),
)
studies = st.builds(
    Study,
    study_uid=st.sampled_from(STUDIES),
    patient_id=optional_patient,
    accession_number=st.none() | st.sampled_from(["A1", "A2"]),
    description=st.none() | words,
    derived=st.booleans(),
)
reports = st.builds(
    Report,
    report_uid=st.sampled_from(REPORTS),
    study_uid=st.sampled_from(STUDIES),
    patient_id=optional_patient,
    text=words,
    file=words,
    language=st.none() | st.sampled_from(Language),
    image_uids=st.lists(st.sampled_from(IMAGES), unique=True, max_size=2).map(tuple),
)
