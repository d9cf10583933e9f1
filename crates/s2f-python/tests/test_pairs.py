"""Sets of pairs, corpora, and data sets for training."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from conftest import CLIPS, PEOPLE, TESTED, Command, hum, write_pairs

import speech2face as s2f


def test_a_set_is_what_was_written(pair_file: Path, pair_rows: list) -> None:
    pairs = s2f.Pairs(pair_file)
    assert len(pairs) == len(pair_rows) == PEOPLE * CLIPS
    assert (pairs.face_space, pairs.dimension) == ("mobileface-v2", 256)
    assert pairs.licences == ["CC0-1.0"] and pairs.columns == list(pair_rows[0])
    assert pairs.speakers == {row["speaker_id"]: row["split"] for row in pair_rows}
    # By the interface of Arrow, and as a table of some columns.
    assert pa.table(pairs).to_pylist() == pa.table(pickle.loads(pickle.dumps(pairs))).to_pylist()
    found = pa.table(pairs)
    for name in ["pair_id", "audio", "face", "gender", "split", "audio_sha256"]:
        assert found[name].to_pylist() == [row[name] for row in pair_rows]
    for name in ["feature", "seconds", "age"]:
        expected = np.array([row[name] for row in pair_rows], np.float32)
        assert np.array_equal(np.array(found[name].to_pylist(), np.float32), expected)
    some = pairs.table("train", ["age", "pair_id"])
    assert some.column_names == ["age", "pair_id"]
    expected_ids = [row["pair_id"] for row in pair_rows if row["split"] == "train"]
    assert some["pair_id"].to_pylist() == expected_ids
    assert sum(batch.num_rows for batch in pairs.batches()) == len(pairs)
    assert repr(pairs) == f"Pairs({str(pair_file)!r})"


def test_what_is_no_set_is_refused(tmp_path: Path, pair_file: Path, pair_rows: list) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        s2f.Pairs(tmp_path / "missing")
    with pytest.raises(s2f.Error, match="no pairs|pairs-"):
        s2f.Pairs(tmp_path)
    leak = [dict(pair_rows[0]), dict(pair_rows[1], split="train")]
    with pytest.raises(s2f.Error, match="more than one split|person-00"):
        s2f.Pairs(write_pairs(tmp_path / "leak.parquet", leak))
    pairs = s2f.Pairs(pair_file)
    with pytest.raises(ValueError, match="sex"):
        pairs.table(columns=["sex"])
    with pytest.raises(ValueError, match="dev"):
        pairs.table("dev")  # type: ignore[arg-type]


def test_a_changed_voice_is_noticed_when_it_is_read(tmp_path: Path, pair_rows: list) -> None:
    rows = [dict(row) for row in pair_rows]
    path = write_pairs(tmp_path / "some.parquet", rows)
    pairs = s2f.Pairs(path)
    data = bytearray(path.read_bytes())
    voice = rows[-1]["audio"]
    data[data.index(voice) + len(voice) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(pa.ArrowException, match="audio_sha256"):
        pairs.table()
    assert len(pairs.table(columns=["pair_id"])) == len(rows)


def test_a_data_set_has_every_pair(pair_file: Path, pair_rows: list) -> None:
    dataset = s2f.Pairs(pair_file).dataset("test")
    assert len(dataset) == TESTED * CLIPS == 20
    item = dataset[-1]
    assert item["pair_id"] == "pair-09-1" and item["speaker_id"] == "person-09"
    assert np.array_equal(item["feature"], np.array(pair_rows[19]["feature"], np.float32))
    # FLAC of 16 bits.
    samples = np.round(hum(90 + 5 * 9, 3.1) * 32768) / 32768
    assert np.allclose(dataset[19]["voice"], s2f.spectrogram(samples), atol=0.05)
    assert dataset[0]["voice"].shape == (2, 598, 257)
    for index in [20, -21]:
        with pytest.raises(IndexError, match=str(index)):
            dataset[index]
    # Views of the memory of Arrow.
    assert sum(len(block) for block in dataset.features) == 20
    assert not any(block.flags["OWNDATA"] or block.flags["W"] for block in dataset.features)


def test_voices_are_what_was_asked_for(pair_file: Path, pair_rows: list) -> None:
    pairs = s2f.Pairs(pair_file)
    assert pairs.dataset(voice="mel")[0]["voice"].shape == (601, 40)
    assert pairs.dataset(voice="samples")[0]["voice"].shape == (48_000,)
    assert pairs.dataset(voice="flac")[7]["voice"] == pair_rows[7]["audio"]
    with pytest.raises(ValueError, match="wave"):
        pairs.dataset(voice="wave")  # type: ignore[arg-type]
    copy = pickle.loads(pickle.dumps(pairs.dataset("train", voice="flac")))
    assert (len(copy), copy[0]["pair_id"]) == (12, "pair-10-0")


def test_torch_loads_batches(pair_file: Path, pair_rows: list) -> None:
    torch = pytest.importorskip("torch")
    dataset = s2f.Pairs(pair_file).dataset("train")
    loader = torch.utils.data.DataLoader(dataset, batch_size=4, num_workers=2)
    batches = list(loader)
    assert [tuple(batch["voice"].shape) for batch in batches] == [(4, 2, 598, 257)] * 3
    features = torch.cat([batch["feature"] for batch in batches])
    expected = np.array([row["feature"] for row in pair_rows[20:]], np.float32)
    assert np.array_equal(features.numpy(), expected)


def test_a_set_is_counted_as_the_command_counts(own_pairs: Path, command: Command) -> None:
    said = command("corpus", "stats", own_pairs, "--json").stdout
    stats = s2f.corpus.stats(own_pairs, verify=True)
    assert stats == json.loads(said)
    assert stats["people"] == PEOPLE and stats["by_split"]["train"]["people"] == PEOPLE - TESTED


def test_a_set_is_split_again(own_pairs: Path) -> None:
    stats = s2f.corpus.split(own_pairs, validation=0.25, test=0.25, seed=3)
    people = {name: count["people"] for name, count in stats["by_split"].items()}
    assert people == {"train": 8, "validation": 4, "test": 4}
    assert s2f.Pairs(own_pairs).speakers.keys() == {f"person-{n:02}" for n in range(PEOPLE)}
    with pytest.raises(ValueError, match="validation|test|share|fraction"):
        s2f.corpus.split(own_pairs, validation=0.8, test=0.8)
    with pytest.raises(FileNotFoundError):
        s2f.corpus.split(own_pairs / "missing")


def test_corpora_are_checked_as_the_command_checks(tmp_path: Path, command: Command) -> None:
    folder = tmp_path / "people" / "ann"
    folder.mkdir(parents=True)
    for name in ["a.wav", "a.jpg", "b.mp4"]:
        (folder / name).touch()
    said = command("corpus", "check", tmp_path / "people", "--json").stdout
    found = s2f.corpus.check(tmp_path / "people")
    assert found == json.loads(said) and found["people"]["present"] == 1
    with pytest.raises(ValueError, match="vox3"):
        s2f.corpus.check(tmp_path, layout="vox3")
    with pytest.raises(FileNotFoundError):
        s2f.corpus.check(tmp_path / "missing")
    with pytest.raises(s2f.Error):
        s2f.corpus.merge([tmp_path / "missing"], tmp_path / "out")
