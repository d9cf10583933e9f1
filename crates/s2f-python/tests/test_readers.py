"""Pairs that the program wrote, read by the libraries that people use for tables.

A library that is not installed is skipped, and pytest says which; none is required by the package.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest
from conftest import CLIPS, PEOPLE

import speech2face as s2f

ROWS = PEOPLE * CLIPS


@pytest.fixture
def written(own_pairs: Path) -> Path:
    """A folder of pairs as the program writes them: splitting again writes every file anew."""
    s2f.corpus.split(own_pairs, validation=0.25, test=0.25, seed=3)
    (file,) = own_pairs.glob("*.parquet")
    assert "speech2face.format" in {key.decode() for key in pq.read_metadata(file).metadata}
    return own_pairs


def files(folder: Path) -> str:
    return str(folder / "pairs-*.parquet")


def test_duckdb(written: Path, pair_rows: list) -> None:
    duckdb = pytest.importorskip("duckdb")
    described = duckdb.sql(f"DESCRIBE FROM '{files(written)}'").fetchall()
    types = {name: kind for name, kind, *_ in described}
    assert types["audio"] == types["face"] == "BLOB"
    assert types["feature"] == types["face_points"] == "FLOAT[]"
    assert types["seconds"] == types["age"] == "FLOAT"
    rows = duckdb.sql(f"SELECT pair_id, audio, age FROM '{files(written)}' ORDER BY 1").fetchall()
    assert rows == [(row["pair_id"], row["audio"], row["age"]) for row in pair_rows]
    counts = duckdb.sql(
        f"SELECT split, count(DISTINCT speaker_id) FROM '{files(written)}' GROUP BY split"
    ).fetchall()
    assert dict(counts) == {"train": 8, "validation": 4, "test": 4}


def test_pandas(written: Path, pair_rows: list) -> None:
    pandas = pytest.importorskip("pandas")
    (file,) = written.glob("*.parquet")
    table = pandas.read_parquet(file).set_index("pair_id")
    assert len(table) == ROWS
    for row in pair_rows:
        found = table.loc[row["pair_id"]]
        assert found["audio"] == row["audio"] and found["face"] == row["face"]
        assert np.array_equal(found["feature"], np.array(row["feature"], np.float32))


def test_polars(written: Path, pair_rows: list) -> None:
    polars = pytest.importorskip("polars")
    table = polars.read_parquet(files(written))
    assert table.schema["audio"] == polars.Binary
    assert table.schema["feature"] == polars.List(polars.Float32)
    found = {row["pair_id"]: row for row in table.iter_rows(named=True)}
    assert len(found) == ROWS
    for row in pair_rows:
        assert found[row["pair_id"]]["face"] == row["face"]
        assert found[row["pair_id"]]["gender"] == row["gender"]


def test_datasets(written: Path, pair_rows: list, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    # Sound is not decoded: that takes torchcodec, which takes torch.
    typed = datasets.load_dataset(
        "parquet", data_files=files(written), split="train", cache_dir=str(tmp_path / "cache")
    )
    typed = typed.cast_column("audio", datasets.Audio(decode=False))
    typed = typed.cast_column("face", datasets.Image())
    assert isinstance(typed.features["audio"], datasets.Audio)
    assert isinstance(typed.features["face"], datasets.Image)
    found = {row["pair_id"]: row for row in typed}
    assert len(found) == ROWS
    for row in pair_rows:
        pair = found[row["pair_id"]]
        assert pair["audio"]["bytes"] == row["audio"]
        expected = PIL.Image.open(io.BytesIO(row["face"])).convert("RGB")
        assert pair["face"].size == (224, 224)
        assert np.array_equal(np.asarray(pair["face"].convert("RGB")), np.asarray(expected))
        assert np.array_equal(np.array(pair["feature"], np.float32), np.float32(row["feature"]))
