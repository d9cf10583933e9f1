"""Metrics, by hand and against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from speech2face import metrics


def test_ranks_are_those_of_numpy() -> None:
    random = np.random.default_rng(0)
    faces = random.normal(size=(60, 16)).astype(np.float32)
    voices = faces + random.normal(size=faces.shape).astype(np.float32)
    centre = faces.mean(0)

    def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        a, b = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (a, b))
        return -(a @ b.T)

    gaps = voices[:, None] - faces[None]
    distances = {
        "cosine": cosines(voices, faces),
        "relative": cosines(voices - centre, faces - centre),
        "l2": np.linalg.norm(gaps, axis=2),
        "l1": np.abs(gaps).sum(2),
    }
    for name, expected in distances.items():
        found = metrics.ranks(voices, faces, distance=name)  # type: ignore[arg-type]
        closer = (expected < np.diag(expected)[:, None]).sum(1)
        assert np.array_equal(found.closer, closer), name
        assert len(found) == 60 and not found.ties.any() and (found.others == 59).all()
        for k in [1, 5, 60]:
            score = metrics.recall_at_k(found, k)
            assert score.value == pytest.approx((closer < k).mean())
            assert score.chance == pytest.approx(k / 60)
        pairs = metrics.one_of_n(found, 2)
        assert pairs.value == pytest.approx((1 - closer / 59).mean()) and pairs.chance == 0.5


def test_own_items_and_ties() -> None:
    gallery = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    found = metrics.ranks([[1.0, 0.1], [0.1, 1.0]], gallery, [2, 1])
    assert found.closer.tolist() == [0, 0] and found.ties.tolist() == [1, 0]
    assert found.place.tolist() == [1.5, 1.0]
    assert metrics.recall_at_k(found, 1).value == pytest.approx(0.75)


def test_intervals_resample_speakers() -> None:
    random = np.random.default_rng(0)
    levels = random.normal(size=40)
    values = np.repeat(levels, 25) + random.normal(size=1000) * 0.01
    speakers = [f"speaker {n // 25}" for n in range(1000)]
    by_speaker = metrics.mean(values, speakers=speakers, draws=4000)
    by_value = metrics.mean(values, draws=4000)
    for score in (by_speaker, by_value):
        assert score.value == pytest.approx(values.mean())
    assert (by_speaker.count, by_speaker.speakers, by_value.speakers) == (1000, 40, 1000)

    def width(score: metrics.Score) -> float:
        assert score.interval is not None
        return score.interval[1] - score.interval[0]

    # Normal theory, for 40 speakers.
    expected = 2 * 1.96 * levels.std(ddof=1) / np.sqrt(40)
    assert width(by_speaker) == pytest.approx(expected, rel=0.12)
    assert width(by_value) == pytest.approx(expected / 5, rel=0.12)
    again = metrics.mean(values, speakers=speakers, draws=4000)
    assert again == by_speaker != metrics.mean(values, speakers=speakers, draws=4000, seed=1)


def test_seven_speakers_who_are_all_right_are_not_certain() -> None:
    score = metrics.mean(np.ones(14), speakers=[n // 2 for n in range(14)], share=True)
    # The exact lower bound b has b ** 7 = 2.5 %.
    assert score.interval == (pytest.approx(0.025 ** (1 / 7)), 1.0)
    assert "1 [0.59" in str(score) and float(score) == 1.0
    # Without an interval for a share, it would be [1, 1]; of one value there is none.
    assert metrics.mean([2.0]).interval is None
    assert metrics.mean([np.nan, 3.0]).value == 3.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.ranks(np.ones((2, 3)), np.ones((2, 4))), "3 dimensions"),
        (lambda: metrics.ranks(np.ones((2, 3)), np.ones((3, 3))), "2 probes and 3 items"),
        (lambda: metrics.ranks(np.ones((2, 3)), np.ones((2, 3)), [0, 2]), "no item 2"),
        (lambda: metrics.ranks(np.ones((2, 3)), np.ones((2, 3)), [0]), "1 own items"),
        (lambda: metrics.ranks(np.ones(3), np.ones((2, 3))), "probes has shape"),
        (lambda: metrics.ranks(np.ones((2, 3)), np.full((2, 3), np.inf)), "not finite"),
        (lambda: metrics.ranks(np.eye(2), np.eye(2), distance="l3"), "l3"),
        (lambda: metrics.ranks(np.eye(2), np.eye(2), centre=[1.0]), "centre"),
        (lambda: metrics.recall_at_k(metrics.ranks(np.eye(2), np.eye(2)), 0), "k is 0"),
        (lambda: metrics.one_of_n(metrics.ranks(np.eye(2), np.eye(2)), 1), "n is 1"),
        (lambda: metrics.mean([1.0, 2.0], speakers=["a"]), "2 values and 1 speakers"),
        (lambda: metrics.mean([2.0], share=True), "from 0 to 1"),
        (lambda: metrics.mean([[2.0]]), "shape"),
    ],
)
def test_what_cannot_be_measured_is_a_value_error(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
