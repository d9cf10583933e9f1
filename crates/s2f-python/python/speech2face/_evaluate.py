"""Evaluation of a model, or of features from any network, by the protocols of the command."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Union

from . import _native
from ._errors import EvaluationWarning, InvalidValueError
from ._model import Model
from ._pairs import Pairs
from .metrics import Score

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

#: What can be evaluated: a model or its name; features by pair; pair ids with one row of features
#: for each; or a function from a list of voices (samples at 16 kHz) to one row of features for each.
Evaluated: TypeAlias = Union[
    Model,
    "str | os.PathLike[str]",
    "Mapping[str, ArrayLike]",
    "tuple[Sequence[str], ArrayLike]",
    "Callable[[list[NDArray[np.float32]]], ArrayLike]",
]


@dataclass(frozen=True, eq=False)
class Report:
    """A finished evaluation.

    Attributes
    ----------
    folder : Path
        Folder of ``report.html``, ``scores.csv`` and ``report.json``.
    scores : dict of str to Score
        All scores by id, such as ``"retrieval/voice-to-face/relative/at-10-percent"``; shares are
        in per cent.
    headlines : list of tuple of str
        Label, id of the score, and what it says: the scores that a reader should see first.
    document : dict
        What ``report.json`` says.
    """

    folder: Path
    scores: dict[str, Score] = field(repr=False)
    headlines: list[tuple[str, str, str]] = field(repr=False)
    document: dict[str, Any] = field(repr=False)

    def __getitem__(self, score: str) -> Score:
        return self.scores[score]

    def __str__(self) -> str:
        return "\n".join(
            f"{label}: {self.scores[score]}  {verdict}" for label, score, verdict in self.headlines
        )

    def _repr_html_(self) -> str:
        from html import escape

        rows = (
            "<tr>" + "".join(
                f"<td>{escape(text)}</td>" for text in (label, str(self.scores[score]), verdict)
            ) + "</tr>"
            for label, score, verdict in self.headlines
        )
        return f"<table>{''.join(rows)}</table>"


def evaluate(
    evaluated: Evaluated,
    pairs: Pairs | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    name: str | None = None,
    split: Literal["test", "validation", "train", "all"] = "test",
    max_pairs: int = 5000,
    seconds: float | None = None,
    photographs: bool = True,
    draws: int = 1000,
    seed: int = 0,
    labels: str | os.PathLike[str] | None = None,
    baseline: str | os.PathLike[str] | None = None,
    compare: Sequence[Model] = (),
    mean_feature: ArrayLike | None = None,
    trained_on: Sequence[Pairs] = (),
    progress: Callable[[str, int, int], object] | None = None,
) -> Report:
    """Evaluate a model, or features of another network, on pairs.

    Features are compared with those of the true faces: they are of the face space of the pairs, and
    are scaled to unit length if that space is. Retrieval, matching and their controls (the mean
    face, another person's voice, people of one sex) are those of ``speech2face evaluate``, with
    intervals by speaker. With a function, also scores by length of the voice and of its halves.
    Attributes and craniofacial measures are only in the command.

    Parameters
    ----------
    evaluated : Model, str, mapping, (pair ids, features), or callable
        A model or its name. Or features of voices, by ``pair_id``; or pair ids and an array of
        shape [pairs, D]. Or a function that is given a list of voices, each as float32 samples at
        16 kHz, and returns their features, [voices, D].
    pairs : Pairs, str or PathLike
        Pairs, from ``speech2face corpus prepare``.
    out : str or PathLike
        Output folder for report.html, scores.csv, report.json; earlier reports in it are replaced.
    name : str, optional
        Name of the network in the report.
    split : {"test", "validation", "train", "all"}
        Pairs to evaluate on; all is for networks that were not trained on any of them.
    max_pairs : int
        Maximum number of pairs, balanced by speaker.
    seconds : float, optional
        Use only the first seconds of each recording.
    photographs : bool
        Show photographs, if their licence is known to allow it.
    draws : int
        Number of bootstrap samples for each interval.
    seed : int
        Random seed.
    labels : str or PathLike, optional
        Table of your own labels: speaker_id or pair_id, then one column per attribute.
    baseline : str or PathLike, optional
        Earlier report on the same pairs to compare with.
    compare : sequence of Model
        Models to compare with on the same pairs.
    mean_feature : array of shape [D], optional
        Mean feature of the voices that a network was trained on; the mean of the true faces that
        are evaluated if omitted.
    trained_on : sequence of Pairs
        Pairs that a network was trained on: the evaluation refuses speakers, voices and faces of
        their training split.
    progress : callable, optional
        Called with the name of a stage, and numbers of pairs done and in all.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If features are missing or of another dimension.
    Error
        If the pairs cannot be used, or the model was trained on them.

    Warns
    -----
    EvaluationWarning
        If something may make the scores worthless, such as an unknown training set.
    """
    from pathlib import Path

    if max_pairs < 2:
        raise InvalidValueError(f"max_pairs is {max_pairs}", "use 2 or more")
    if not 100 <= draws <= 100_000:
        raise InvalidValueError(f"draws is {draws}", "use 100 to 100000")
    if seconds is not None and not 1 <= seconds <= 60:
        raise InvalidValueError(f"seconds is {seconds}", "use 1 to 60")
    opened = pairs if isinstance(pairs, Pairs) else Pairs(pairs)
    folder = Path(out)
    options: _native.EvaluationOptions = {
        "split": split,
        "max_pairs": max_pairs,
        "seconds": seconds,
        "photographs": photographs,
        "draws": draws,
        "seed": seed,
        "labels": None if labels is None else os.fspath(labels),
        "baseline": None if baseline is None else os.fspath(baseline),
    }
    others = [model._native for model in compare]
    if isinstance(evaluated, (str, os.PathLike)):
        evaluated = Model(evaluated)
    if isinstance(evaluated, Model):
        text, remarks = _native.evaluate_model(
            evaluated._native, opened._native, os.fspath(folder), options, others, progress
        )
        return _finished(folder, text, remarks)
    network: _native.EvaluatedNetwork = {
        "name": "network" if name is None else name,
        "mean_feature": None if mean_feature is None else _row(mean_feature),
    }
    known = [pairs._native for pairs in trained_on]
    rest = (known, opened._native, os.fspath(folder), options, others, progress)
    if callable(evaluated):
        text, remarks = _native.evaluate_function(network, _function(evaluated), *rest)
    else:
        ids, rows = _table(evaluated)
        table = (ids, rows.tobytes())
        text, remarks = _native.evaluate_table(network, table, rows.shape[1], *rest)
    return _finished(folder, text, remarks)


def _finished(folder: Path, text: str, remarks: list[str]) -> Report:
    import json

    for remark in remarks:
        warnings.warn(remark, EvaluationWarning, stacklevel=3)
    document: dict[str, Any] = json.loads(text)
    scores = {score["id"]: _score(score) for score in document["scores"]}
    headlines = [
        (line["label"], line["score"], line["verdict"]) for line in document["headlines"]
    ]
    known = [line for line in headlines if line[1] in scores]
    return Report(folder, scores, known, document)


def _score(score: dict[str, Any]) -> Score:
    value, interval = score["value"], score["interval"]
    return Score(
        float("nan") if value is None else value,
        None if interval is None else (interval[0], interval[1]),
        score["chance"],
        score["pairs"],
        score["speakers"],
    )


def _function(
    embed: Callable[[list[NDArray[np.float32]]], ArrayLike],
) -> Callable[[list[bytes]], list[bytes]]:
    """`embed` for voices and features in bytes."""
    import numpy as np

    def rows(voices: list[bytes]) -> list[bytes]:
        if not voices:
            return []
        found = _matrix(embed([np.frombuffer(bytearray(voice), np.float32) for voice in voices]))
        return [row.tobytes() for row in found]

    return rows


def _table(
    features: Mapping[str, ArrayLike] | tuple[Sequence[str], ArrayLike],
) -> tuple[list[str], NDArray[np.float32]]:
    import numpy as np

    if isinstance(features, Mapping):
        ids = list(features)
        vectors = [_row(features[pair_id]) for pair_id in ids]
        if len({len(vector) for vector in vectors}) > 1:
            raise InvalidValueError("features have different lengths", "give [D] values for each")
        return ids, np.array(vectors, np.float32).reshape(len(ids), -1)
    if not (isinstance(features, tuple) and len(features) == 2):
        raise InvalidValueError(
            f"{type(features).__name__} cannot be evaluated",
            "give a model, a dict of features by pair_id, (pair ids, features), or a function",
        )
    ids, rows = list(features[0]), _matrix(features[1])
    if len(ids) != len(rows):
        raise InvalidValueError(
            f"there are {len(ids)} pair ids and {len(rows)} features", "give one for each pair"
        )
    return ids, rows


def _row(values: Any) -> list[float]:
    import numpy as np

    if hasattr(values, "detach"):  # a tensor of PyTorch
        values = values.detach().cpu().numpy()
    row: list[float] = np.asarray(values, np.float32).reshape(-1).tolist()
    return row


def _matrix(values: Any) -> NDArray[np.float32]:
    import numpy as np

    if hasattr(values, "detach"):  # a tensor of PyTorch
        values = values.detach().cpu().numpy()
    array = np.ascontiguousarray(values, np.float32)
    if array.ndim != 2:
        raise InvalidValueError(f"features have shape {array.shape}", "give one row for each")
    return array
