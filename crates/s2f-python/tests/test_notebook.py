"""The notebook runs, cell by cell."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import ROOT

NOTEBOOK = ROOT / "examples" / "python" / "voice_to_face.ipynb"


# It says so itself.
@pytest.mark.filterwarnings("ignore::speech2face.EvaluationWarning")
def test_the_notebook_runs(
    own_pairs: Path, voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(voice, tmp_path / "voice.flac")
    monkeypatch.chdir(tmp_path)
    assert own_pairs == tmp_path / "pairs"
    cells = json.loads(NOTEBOOK.read_bytes())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 10
    names: dict[str, object] = {}
    for number, cell in enumerate(code):
        exec(compile(cell, f"cell {number}", "exec"), names)
    for name in ["voice.svg", "report/report.html", "report/scores.csv"]:
        assert (tmp_path / name).exists(), name
    # Nobody has run it before: outputs would be somebody's machine.
    assert not any(cell.get("outputs") for cell in cells)
