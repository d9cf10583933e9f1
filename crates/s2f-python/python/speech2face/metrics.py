"""Metrics of searches, with the intervals of a report.

Clips of a speaker are alike, so intervals come from resampling speakers with all of their clips;
where few speakers differ from the rest, they are widened to exact ones.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from . import _native
from ._errors import InvalidValueError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Distance", "Ranks", "Score", "mean", "one_of_n", "ranks", "recall_at_k"]

#: Kind of distance between two faces: cosine as in the paper; cosine of differences from a mean
#: face; Euclidean; sum of absolute differences.
Distance: TypeAlias = Literal["cosine", "relative", "l2", "l1"]


@dataclass(frozen=True)
class Score:
    """A score with its confidence interval.

    Attributes
    ----------
    value : float
        The score.
    interval : tuple of two floats, or None
        The 95 % interval; None if there are too few speakers.
    chance : float or None
        The score of guessing.
    count : int
        Number of values.
    speakers : int
        Number of speakers.
    """

    value: float
    interval: tuple[float, float] | None = None
    chance: float | None = None
    count: int = 0
    speakers: int = 0

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        text = f"{self.value:.4g}"
        if self.interval is not None:
            text += f" [{self.interval[0]:.4g}, {self.interval[1]:.4g}]"
        if self.chance is not None:
            text += f", chance {self.chance:.4g}"
        return text


@dataclass(frozen=True, eq=False)
class Ranks:
    """Results of searches: how many items came before the right one.

    Attributes
    ----------
    closer, ties, others : ndarray of int64, shape [searches]
        Numbers of other items that were closer than the right one, as close, and in all.
    """

    closer: NDArray[np.int64]
    ties: NDArray[np.int64]
    others: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.closer)

    @property
    def place(self) -> NDArray[np.float64]:
        """Rank of the right item, from 1; the mean of the ranks that it shares with ties."""
        return self.closer + 1.0 + self.ties / 2.0

    def _rows(self) -> list[tuple[int, int, int]]:
        columns = (self.closer.tolist(), self.ties.tolist(), self.others.tolist())
        return list(zip(*columns, strict=True))


def ranks(
    probes: ArrayLike,
    gallery: ArrayLike,
    own: Sequence[int] | None = None,
    *,
    distance: Distance = "cosine",
    centre: ArrayLike | None = None,
) -> Ranks:
    """Search a gallery for each probe's own item.

    Parameters
    ----------
    probes : array of shape [searches, D]
        For example the features that a network predicts from voices.
    gallery : array of shape [items, D]
        For example the features of true faces.
    own : sequence of int, optional
        Index of each probe's own item; the same index as the probe's if omitted.
    distance : {"cosine", "relative", "l2", "l1"}
        Kind of distance.
    centre : array of shape [D], optional
        The mean face of ``"relative"``; the mean of the gallery if omitted.

    Returns
    -------
    Ranks

    Examples
    --------
    >>> found = ranks([[1.0, 0.0], [0.0, 1.0]], [[0.9, 0.1], [0.8, 0.2]])
    >>> found.place.tolist()
    [1.0, 1.0]
    """
    import numpy as np

    rows, items = (_matrix(values, name) for values, name in
                   ((probes, "probes"), (gallery, "gallery")))
    if rows.shape[1] != items.shape[1]:
        raise InvalidValueError(
            f"probes have {rows.shape[1]} dimensions, the gallery has {items.shape[1]}",
            "both must be of one face space",
        )
    if own is None:
        if len(rows) != len(items):
            raise InvalidValueError(
                f"there are {len(rows)} probes and {len(items)} items",
                "say with `own` which item belongs to which probe",
            )
        own = range(len(rows))
    if len(own) != len(rows):
        raise InvalidValueError(
            f"there are {len(rows)} probes and {len(own)} own items", "give one for each probe"
        )
    middle = items.mean(0) if centre is None else np.asarray(centre, np.float32)
    if middle.shape != items.shape[1:]:
        raise InvalidValueError(
            f"the centre has shape {middle.shape}", f"it must have shape [{items.shape[1]}]"
        )
    found = _native.ranks(
        rows.tobytes(),
        items.tobytes(),
        [int(item) for item in own],
        np.ascontiguousarray(middle, np.float32).tobytes(),
        rows.shape[1],
        distance,
    )
    columns = np.array(found, np.int64).reshape(-1, 3).T
    return Ranks(*columns)


def recall_at_k(
    found: Ranks,
    k: int,
    *,
    speakers: Sequence[Hashable] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Score:
    """The share of searches whose own item is among the first k.

    Items as close as the own one are in random order, and the score is the expectation, so that
    the same answer for everybody scores at chance.

    Parameters
    ----------
    found : Ranks
        From `ranks`.
    k : int
        At least 1.
    speakers : sequence, optional
        The speaker of each search; all are different if omitted.
    draws : int
        Number of bootstrap samples.
    seed : int
        Random seed.

    Returns
    -------
    Score
        From 0 to 1.
    """
    _at_least(k, "k", 1)
    indices = _speakers(speakers, len(found))
    return _score(_native.recall_at_k(found._rows(), indices, k, draws, seed))


def one_of_n(
    found: Ranks,
    n: int,
    *,
    speakers: Sequence[Hashable] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Score:
    """How often the own item is the closest of n, if the others are drawn from the gallery.

    The mean over all choices of others, in closed form. Searches in galleries of fewer than n items
    are left out.

    Parameters
    ----------
    found : Ranks
        From `ranks`.
    n : int
        At least 2.
    speakers, draws, seed
        As for `recall_at_k`.

    Returns
    -------
    Score
        From 0 to 1.
    """
    _at_least(n, "n", 2)
    indices = _speakers(speakers, len(found))
    return _score(_native.one_of_n(found._rows(), indices, n, draws, seed))


def mean(
    values: ArrayLike,
    *,
    speakers: Sequence[Hashable] | None = None,
    share: bool = False,
    draws: int = 1000,
    seed: int = 0,
) -> Score:
    """The mean of values, with its interval.

    Parameters
    ----------
    values : array of shape [values]
        Values that are not finite are left out.
    speakers : sequence, optional
        The speaker of each value; all are different if omitted.
    share : bool
        Whether each value is from 0 to 1, and the mean a share.
    draws, seed
        As for `recall_at_k`.

    Returns
    -------
    Score
    """
    import numpy as np

    numbers = np.asarray(values, np.float64)
    if numbers.ndim != 1:
        raise InvalidValueError(f"values have shape {numbers.shape}", "give a list of numbers")
    if share and ((numbers < 0) | (numbers > 1)).any():
        raise InvalidValueError("a value is not from 0 to 1", "omit share for other values")
    indices = _speakers(speakers, len(numbers))
    return _score(_native.mean(numbers.tolist(), indices, share, draws, seed))


def _matrix(values: Any, name: str) -> NDArray[np.float32]:
    import numpy as np

    if hasattr(values, "detach"):  # a tensor of PyTorch
        values = values.detach().cpu().numpy()
    array = np.ascontiguousarray(values, np.float32)
    if array.ndim != 2:
        raise InvalidValueError(f"{name} has shape {array.shape}", "give one row for each")
    if not np.isfinite(array).all():
        raise InvalidValueError(f"{name} has values that are not finite", "leave those rows out")
    return array


def _speakers(speakers: Sequence[Hashable] | None, count: int) -> list[int]:
    if speakers is None:
        return list(range(count))
    if len(speakers) != count:
        raise InvalidValueError(
            f"there are {count} values and {len(speakers)} speakers", "give one for each value"
        )
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(speaker, len(numbers)) for speaker in speakers]


def _at_least(value: int, name: str, least: int) -> None:
    if value < least:
        raise InvalidValueError(f"{name} is {value}", f"use {least} or more")


def _score(
    found: tuple[float, tuple[float, float] | None, float | None, int, int]
) -> Score:
    return Score(*found)
