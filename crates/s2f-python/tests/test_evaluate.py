"""Evaluation: of a model as the command does it, and of features from elsewhere."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import CLIPS, TESTED, Command

import speech2face as s2f

PAIRS = TESTED * CLIPS
RECALL = "retrieval/voice-to-face/cosine/at-1"
ONE_OF_TWO = "matching/voice-to-face/1-of-2"

#: The training of these networks is unknown, which the first test looks at.
pytestmark = pytest.mark.filterwarnings("ignore::speech2face.EvaluationWarning")


@pytest.fixture(scope="session")
def tested(pair_rows: list) -> list:
    return [row for row in pair_rows if row["split"] == "test"]


@pytest.fixture(scope="session")
def faces(tested: list) -> np.ndarray:
    return np.array([row["feature"] for row in tested], np.float32)


@pytest.fixture(scope="session")
def evaluated(
    model: s2f.Model, pair_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[s2f.Report, list]:
    """A report on the shipped model, and the stages that were reported."""
    stages: list = []
    with pytest.warns(s2f.EvaluationWarning, match="no record"):
        report = s2f.evaluate(
            model,
            pair_file,
            tmp_path_factory.mktemp("report"),
            progress=lambda *stage: stages.append(stage),
        )
    return report, stages


def test_a_model_has_the_scores_of_the_command(
    evaluated: tuple[s2f.Report, list], pair_file: Path, command: Command, tmp_path: Path
) -> None:
    said = command("evaluate", "compact", pair_file, "-o", tmp_path, "--pictures", "0", "-q")
    assert said.returncode == 0, said.stderr
    report, stages = evaluated
    for name in ["report.json", "scores.csv", "report.html", "faces.png", "map.csv"]:
        assert (report.folder / name).read_bytes() == (tmp_path / name).read_bytes(), name
    assert report.document == json.loads((report.folder / "report.json").read_bytes())
    assert ("embedding voices", PAIRS, PAIRS) in stages
    assert report["evaluation/speakers"].value == TESTED
    assert "Own face among the first 10 %" in str(report) and "<td>" in report._repr_html_()


def test_features_by_pair_are_searched_as_numpy_does(
    pair_file: Path, tested: list, faces: np.ndarray, tmp_path: Path
) -> None:
    random = np.random.default_rng(1)
    features = faces + random.normal(size=faces.shape).astype(np.float32) * 0.12
    features[::7] = random.normal(size=features[::7].shape)
    table = {row["pair_id"]: feature for row, feature in zip(tested, features, strict=True)}
    report = s2f.evaluate(table, pair_file, tmp_path / "table", name="ours")

    # Two clips of each: a round of searches for each clip.
    cosines = (features / np.linalg.norm(features, axis=1, keepdims=True)) @ faces.T
    firsts = [
        cosines[pair, pair % 2::2].argmax() == pair // 2 for pair in range(len(tested))
    ]
    score = report[RECALL]
    assert 0.2 < np.mean(firsts) < 1
    assert score.value == pytest.approx(100 * np.mean(firsts), abs=1e-9)
    assert score.interval is not None and score.interval[0] < score.value < score.interval[1]
    assert (score.chance, score.count, score.speakers) == (pytest.approx(100 / TESTED), PAIRS, TESTED)
    degrees = np.degrees(np.arccos(np.diag(cosines))).mean()
    assert report["similarity/degrees"].value == pytest.approx(degrees, abs=1e-3)

    assert report.document["title"].startswith("ours on ")
    ids = {section["id"] for section in report.document["sections"]}
    assert {"similarity", "retrieval", "matching", "consistency"} <= ids
    assert not {"length", "distribution", "faces"} & ids
    assert "consistency/halves/degrees" not in report.scores
    assert (tmp_path / "table" / "report.html").exists()
    # As rows beside ids, in any order and of any length.
    order = random.permutation(len(tested))
    ids_of = [tested[place]["pair_id"] for place in order]
    rows = s2f.evaluate((ids_of, 3 * features[order]), pair_file, tmp_path / "rows", name="ours")
    assert rows[RECALL] == score


def test_features_without_voice_score_at_chance(
    pair_file: Path, tested: list, tmp_path: Path
) -> None:
    table = {row["pair_id"]: np.ones(256) for row in tested}
    report = s2f.evaluate(table, pair_file, tmp_path)
    assert report[RECALL].value == pytest.approx(100 / TESTED)
    assert report[ONE_OF_TWO].value == pytest.approx(50)


def test_a_function_is_evaluated_at_all_lengths(
    model: s2f.Model, evaluated: tuple[s2f.Report, list], pair_file: Path, tmp_path: Path
) -> None:
    given = []

    def embed(voices: list[np.ndarray]) -> np.ndarray:
        given.extend(len(voice) for voice in voices)
        assert all(voice.dtype == np.float32 for voice in voices)
        recordings: list[s2f.Recording] = [(voice, 16_000) for voice in voices]
        return model.embed(recordings)[:, : model.identity_dimension]

    report = s2f.evaluate(embed, pair_file, tmp_path, compare=[model])
    ours, _ = evaluated
    # The same network: what does not depend on its mean face is the same.
    for score in ["similarity/degrees", RECALL, "lengths/3s/degrees", "consistency/halves/degrees"]:
        assert report[score].value == pytest.approx(ours[score].value, abs=0.02), score
    assert {16_000, 32_000, 48_000} <= set(given)
    difference = report[f"comparison/1-compact/{RECALL.replace('at-1', 'at-10-percent')}/difference"]
    assert difference.interval is not None


def test_features_that_do_not_fit_are_value_errors(
    pair_file: Path, tested: list, tmp_path: Path
) -> None:
    ids = [row["pair_id"] for row in tested]
    for features, message in [
        ({ids[0]: np.ones(256)}, "there is none for pair"),
        ((ids, np.ones((PAIRS, 255))), "has 255 values"),
        ((ids, np.zeros((PAIRS, 256))), "has length 0"),
        ((ids, np.full((PAIRS, 256), np.nan)), "not finite"),
        ((ids, np.ones((PAIRS - 1, 256))), f"{PAIRS} pair ids and {PAIRS - 1} features"),
        ((ids, np.ones(256)), "shape"),
        ({"a": np.ones(3), "b": np.ones(4)}, "different lengths"),
        (lambda voices: np.ones((1, 256)), "1 features were returned"),
        (3, "int cannot be evaluated"),
    ]:
        with pytest.raises(ValueError, match=message):
            s2f.evaluate(features, pair_file, tmp_path)  # type: ignore[arg-type]
    for options in [{"split": "dev"}, {"draws": 5}, {"max_pairs": 1}, {"seconds": 0.1}]:
        with pytest.raises(ValueError, match=r"dev|draws|max_pairs|seconds"):
            s2f.evaluate("compact", pair_file, tmp_path, **options)
    with pytest.raises(FileNotFoundError):
        s2f.evaluate("compact", tmp_path / "missing", tmp_path)


def test_the_exception_of_a_function_is_raised(pair_file: Path, tmp_path: Path) -> None:
    def fails(voices: list[np.ndarray]) -> np.ndarray:
        raise ZeroDivisionError("of the network")

    def stops(stage: str, done: int, pairs: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(ZeroDivisionError, match="of the network"):
        s2f.evaluate(fails, pair_file, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        s2f.evaluate("compact", pair_file, tmp_path, progress=stops)


def test_people_that_a_network_was_trained_on_are_refused(
    pair_file: Path, pair_rows: list, tested: list, tmp_path: Path
) -> None:
    from conftest import write_pairs

    table = {row["pair_id"]: np.ones(256) for row in tested}
    with warnings.catch_warnings():
        # Its training is known.
        warnings.simplefilter("error")
        pairs = s2f.Pairs(pair_file)
        s2f.evaluate(table, pairs, tmp_path / "a", trained_on=[pairs])
    others = [dict(row, split="train") for row in pair_rows[:4]]
    trained = s2f.Pairs(write_pairs(tmp_path / "trained.parquet", others))
    with pytest.raises(s2f.Error, match="person-00"):
        s2f.evaluate(table, pairs, tmp_path / "b", trained_on=[trained])


def test_a_network_of_torch_is_evaluated(pair_file: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    network = torch.nn.Linear(257, 256)

    @torch.no_grad()
    def embed(voices: list[np.ndarray]) -> object:
        inputs = [torch.from_numpy(s2f.spectrogram(voice)).mean((0, 1)) for voice in voices]
        return network(torch.stack(inputs))

    report = s2f.evaluate(embed, pair_file, tmp_path, name="linear", mean_feature=np.zeros(256))
    assert report[RECALL].count == PAIRS
    assert os.path.exists(tmp_path / "scores.csv")
