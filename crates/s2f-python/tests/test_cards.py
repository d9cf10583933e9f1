"""Cards in the libraries that read them: `datasets` and the hub's."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest


@pytest.fixture
def carded(own_pairs: Path, command) -> Path:
    """Pairs as the program writes them, split anew, with their card."""
    for arguments in (["split", "--validation", "0.25", "--test", "0.25"], ["card"]):
        run = command("corpus", arguments[0], own_pairs, *arguments[1:])
        assert run.returncode == 0, run.stderr.decode()
    return own_pairs


def rows(folder: Path) -> list[dict]:
    """All rows by pyarrow."""
    files = sorted(folder.glob("*.parquet"))
    return [row for path in files for row in pq.read_table(path).to_pylist()]


def test_datasets_reads_typed_features_and_splits(carded: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the package datasets is not installed")
    expected = rows(carded)
    for split, pairs in Counter(row["split"] for row in expected).items():
        read = datasets.load_dataset(str(carded), split, cache_dir=str(tmp_path / "cache"))
        assert list(read) == [split]
        read = read[split]
        assert isinstance(read.features["audio"], datasets.Audio)
        assert isinstance(read.features["face"], datasets.Image)
        assert read.features["feature"] == datasets.List(datasets.Value("float32"))
        assert read.features["age"] == datasets.Value("float32")
        assert read.num_rows == pairs
        # Decoding needs a package of its own; the bytes do not.
        read = read.cast_column("audio", datasets.Audio(decode=False))
        wanted = {row["pair_id"]: row for row in expected if row["split"] == split}
        for row in read:
            want = wanted.pop(row["pair_id"])
            assert hashlib.sha256(row["audio"]["bytes"]).hexdigest() == want["audio_sha256"]
            assert row["face"].size == (224, 224)
            assert row["feature"] == want["feature"] and row["language"] is None
        assert not wanted


def test_the_hub_reads_the_card_of_a_data_set(carded: Path) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    data = hub.DatasetCard.load(carded / "README.md").data
    assert data.license == ["cc0-1.0"]
    assert data.pretty_name == "pairs"
    assert data.size_categories == ["n<1K"]
    names = [column["name"] for column in data.dataset_info[0]["features"]]
    assert names == pq.read_schema(next(carded.glob("*.parquet"))).names
    splits = {config["config_name"] for config in data.configs}
    assert splits == {row["split"] for row in rows(carded)}


def test_a_card_that_was_edited_is_not_replaced(carded: Path, command) -> None:
    card = carded / "README.md"
    text = card.read_bytes()
    assert command("corpus", "card", carded).returncode == 0
    assert card.read_bytes() == text
    card.write_bytes(text + b"Mine.\n")
    run = command("corpus", "card", carded)
    assert run.returncode == 2 and b"was not written by speech2face" in run.stderr
    assert card.read_bytes() == text + b"Mine.\n"
    assert command("corpus", "card", carded, "-o", "-").stdout == text


def test_the_hub_reads_the_scores_of_a_model(tmp_path: Path, pair_file: Path, command) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    out = tmp_path / "report"
    run = command("evaluate", "compact", pair_file, "-o", out, "--pictures", "0", "-q")
    assert run.returncode == 0, run.stderr.decode()
    path = tmp_path / "README.md"
    run = command("model", "card", "compact", "--evaluation", out, "-o", path)
    assert run.returncode == 0, run.stderr.decode()
    card = hub.ModelCard.load(path)
    assert card.data.license == "cc-by-4.0" and card.data.library_name == "speech2face"
    report = json.loads((out / "report.json").read_text())
    scores = {score["id"]: score for score in report["scores"]}
    headlines = [scores[headline["score"]] for headline in report["headlines"]]
    expected = {score["id"]: score["value"] for score in headlines if score["value"] is not None}
    assert expected
    assert {x.metric_type: x.metric_value for x in card.data.eval_results} == expected
    assert "# compact" in card.text and "## Evaluation" in card.text
