"""What tests share: the command, recordings, and pairs that are written by other libraries."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

import speech2face as s2f

ROOT = Path(__file__).resolve().parents[3]
VOICES = ROOT / "examples" / "voices"

Command = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(scope="session")
def model() -> s2f.Model:
    return s2f.Model()


@pytest.fixture
def voice() -> Path:
    return VOICES / "low.flac"


@pytest.fixture(scope="session")
def command() -> Command:
    """Runs the program, in the build that belongs to the wheel."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    program = Path(os.environ.get("SPEECH2FACE_COMMAND", target / "release/speech2face"))

    def run(*arguments: object) -> subprocess.CompletedProcess[bytes]:
        typed = [str(argument) for argument in arguments]
        return subprocess.run([program, *typed], capture_output=True, check=False)

    return run


@pytest.fixture
def python() -> Callable[[str], subprocess.Popen[str]]:
    """Starts a program in another interpreter."""

    def start(code: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


def hum(pitch_hz: float, seconds: float, rate: int = 16_000) -> np.ndarray:
    """A hum with harmonics, float64."""
    time = np.arange(int(seconds * rate)) / rate
    return sum(np.sin(2 * np.pi * pitch_hz * k * time) / k for k in range(1, 8)) / 4


def flac(samples: np.ndarray, rate: int = 16_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def unit(random: np.random.Generator, dimension: int = 256) -> np.ndarray:
    vector = random.normal(size=dimension)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


#: People of the set of pairs, those in its test split, and clips of each.
PEOPLE, TESTED, CLIPS = 16, 10, 2


@pytest.fixture(scope="session")
def pair_rows() -> list[dict[str, object]]:
    """Pairs: the first people are for the test, the others for training."""
    random = np.random.default_rng(0)
    picture = io.BytesIO()
    PIL.Image.new("RGB", (224, 224), (120, 90, 80)).save(picture, "JPEG")
    rows = []
    for person in range(PEOPLE):
        for clip in range(CLIPS):
            audio = flac(hum(90 + 5 * person, 3.0 + 0.1 * clip))
            face = picture.getvalue() + f"{person} {clip}".encode()
            rows.append({
                "pair_id": f"pair-{person:02}-{clip}",
                "speaker_id": f"person-{person:02}",
                "source": f"video-{person:02}-{clip}",
                "split": "test" if person < TESTED else "train",
                "audio": audio,
                "seconds": 3.0 + 0.1 * clip,
                "face": face,
                "face_points": [80.0, 90.0, 140.0, 90.0, 112.0, 120.0, 90.0, 150.0, 135.0, 150.0],
                "feature": unit(random).tolist(),
                "face_space": "mobileface-v2",
                "gender": "female" if person % 2 else "male",
                "age": 20.0 + person,
                "language": None,
                "licence": "CC0-1.0",
                "audio_sha256": hashlib.sha256(audio).hexdigest(),
                "face_sha256": hashlib.sha256(face).hexdigest(),
            })
    return rows


def write_pairs(path: Path, rows: list[dict[str, object]]) -> Path:
    """Writes pairs with pyarrow."""
    numbers = pa.list_(pa.field("element", pa.float32(), nullable=False))
    types = {
        "audio": pa.binary(), "face": pa.binary(), "seconds": pa.float32(), "age": pa.float32(),
        "face_points": numbers, "feature": numbers,
    }
    optional = {"gender", "age", "language"}
    schema = pa.schema(
        [pa.field(name, types.get(name, pa.string()), name in optional) for name in rows[0]],
        metadata={
            "speech2face.format": "1",
            "speech2face.face_space": json.dumps({
                "name": "mobileface-v2", "dimension": 256, "normalisation": "unit-length",
            }),
            "speech2face.splits_sha256": "",
            "speech2face.licences": json.dumps(["CC0-1.0"]),
        },
    )
    pq.write_table(pa.Table.from_pylist(rows, schema), path, row_group_size=10)
    return path


@pytest.fixture(scope="session")
def pair_file(tmp_path_factory: pytest.TempPathFactory, pair_rows: list) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs") / "pairs-00000.parquet", pair_rows)


@pytest.fixture
def own_pairs(tmp_path: Path, pair_file: Path) -> Path:
    """A copy that a test may change, in a folder."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    shutil.copy(pair_file, folder)
    return folder
