"""`match` as a user runs it, with the offline default encoder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from caseindex.cli.main import main
from tests.retrieval.identity.drawn_anatomy import another_exposure


def test_the_command_says_whose_it_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the offline default encoder: two drawn persons with pictures of their own."""
    import cv2

    from tests.train.drawn_persons import draw, make_persons

    archive = make_persons(tmp_path / "archive", patients=6, images=2, hidden=0.1)
    archive.store.close()
    file = tmp_path / "снимок.png"
    cv2.imencode(".png", another_exposure(draw(2, 0, 0.1), 3))[1].tofile(str(file))
    with pytest.raises(SystemExit) as end:
        main(["match", "--image", str(file), "--archive", str(archive.path), "--format", "json"])
    assert end.value.code == 0
    document = json.loads(capsys.readouterr().out)
    assert document["candidates"][0]["patient_id"] == "p002"
    assert document["candidates"][0]["probability"] is None
    with pytest.raises(SystemExit) as end:
        main(["match", "--image", str(tmp_path / "no.png"), "--archive", str(archive.path)])
    assert end.value.code != 0
    assert "no.png" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        main(["match", "--archive", str(archive.path)])
    assert end.value.code != 0
