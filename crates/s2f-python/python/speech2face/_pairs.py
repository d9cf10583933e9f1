"""Sets of pairs of a voice and a face."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

from . import _native
from ._audio import RATE, decode, mel_spectrogram, spectrogram
from ._errors import InvalidValueError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow
    from numpy.typing import NDArray

#: The training, validation or test split.
Split: TypeAlias = Literal["train", "validation", "test"]
#: What a data set gives as a voice.
Voice: TypeAlias = Literal["spectrogram", "mel", "samples", "flac"]


class Pairs:
    """Pairs of a voice and a face, from ``speech2face corpus prepare``.

    Opening a set checks that it is complete, of one face space, and that no speaker is in two
    splits. Every voice, face and feature that is read is checked too.

    A set is an Arrow stream: ``pyarrow.table(pairs)``, ``polars.DataFrame(pairs)`` and DuckDB read
    it without a copy.

    Parameters
    ----------
    path : str or PathLike
        Folder of pairs or Parquet file.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    Error
        If the set is damaged, or a speaker is in two splits.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._native = _native.PairSet(self.path)

    def __reduce__(self) -> tuple[type[Pairs], tuple[str]]:
        return Pairs, (self.path,)

    def __repr__(self) -> str:
        return f"Pairs({self.path!r})"

    def __len__(self) -> int:
        return len(self._native)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """All rows, by Arrow's PyCapsule interface."""
        return self._native.stream(None, None)

    @property
    def face_space(self) -> str:
        """Name of the face space of the features."""
        return self._native.face_space

    @property
    def dimension(self) -> int:
        """Number of dimensions of a feature."""
        return self._native.dimension

    @property
    def licences(self) -> list[str]:
        """Licences of the pairs."""
        return self._native.licences

    @property
    def speakers(self) -> dict[str, str]:
        """Every speaker and their split."""
        return dict(self._native.speakers())

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return self._native.columns()

    def batches(
        self, split: Split | None = None, columns: Sequence[str] | None = None
    ) -> pyarrow.RecordBatchReader:
        """The rows as record batches, which are read one after the other.

        Parameters
        ----------
        split : {"train", "validation", "test"}, optional
            Only the rows of one split.
        columns : sequence of str, optional
            Only these columns, in this order.

        Returns
        -------
        pyarrow.RecordBatchReader
        """
        import pyarrow

        return pyarrow.RecordBatchReader.from_stream(_Stream(self._native, split, columns))

    def table(
        self, split: Split | None = None, columns: Sequence[str] | None = None
    ) -> pyarrow.Table:
        """The rows as a table in memory.

        Parameters
        ----------
        split, columns
            As for `batches`.

        Returns
        -------
        pyarrow.Table
        """
        return self.batches(split, columns).read_all()

    def dataset(
        self, split: Split | None = None, *, voice: Voice = "spectrogram"
    ) -> PairDataset:
        """Pairs for a `torch.utils.data.DataLoader`.

        Parameters
        ----------
        split : {"train", "validation", "test"}, optional
            Only the pairs of one split.
        voice : {"spectrogram", "mel", "samples", "flac"}
            What a voice is: the paper's input, float32 [2, 598, 257]; the mel spectrogram,
            float32 [601, 40]; samples at 16 kHz, float32 of any length; or the bytes of the file.

        Returns
        -------
        PairDataset
        """
        return PairDataset(self, split, voice)


class PairItem(TypedDict):
    """A pair of a `PairDataset`."""

    voice: NDArray[np.float32] | bytes
    feature: NDArray[np.float32]
    pair_id: str
    speaker_id: str


class PairDataset:
    """Pairs by number, as `torch.utils.data.DataLoader` reads them.

    The compressed voices and the features are in memory, once, also for worker processes that are
    forked. A voice is decoded when its pair is asked for.
    """

    def __init__(self, pairs: Pairs, split: Split | None, voice: Voice) -> None:
        if voice not in ("spectrogram", "mel", "samples", "flac"):
            raise InvalidValueError(
                f"there is no voice called {voice!r}",
                'use "spectrogram", "mel", "samples" or "flac"',
            )
        self.pairs = pairs
        self.split = split
        self.voice = voice
        columns = ["pair_id", "speaker_id", "audio", "feature"]
        self._batches = list(pairs.batches(split, columns))
        self._ends = list(accumulate(batch.num_rows for batch in self._batches))
        self._features = [self._view(batch) for batch in self._batches]

    def __reduce__(self) -> tuple[type[PairDataset], tuple[Pairs, Split | None, Voice]]:
        return PairDataset, (self.pairs, self.split, self.voice)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> PairItem:
        if not -len(self) <= index < len(self):
            raise IndexError(f"there is no pair {index} among {len(self)}")
        number = index % len(self)
        place = bisect_right(self._ends, number)
        batch = self._batches[place]
        row = number - (self._ends[place] - batch.num_rows)
        flac = batch["audio"][row].as_py()
        return {
            "voice": self._voice(flac),
            "feature": self._features[place][row].copy(),
            "pair_id": batch["pair_id"][row].as_py(),
            "speaker_id": batch["speaker_id"][row].as_py(),
        }

    @property
    def features(self) -> list[NDArray[np.float32]]:
        """Features of all pairs in blocks, each [rows, D]: views of the memory of Arrow."""
        return self._features

    def _view(self, batch: pyarrow.RecordBatch) -> NDArray[np.float32]:
        values = batch["feature"].flatten().to_numpy(zero_copy_only=True)
        view: NDArray[np.float32] = values.reshape(batch.num_rows, -1)
        return view

    def _voice(self, flac: bytes) -> NDArray[np.float32] | bytes:
        if self.voice == "flac":
            return flac
        samples = decode(flac)
        if self.voice == "spectrogram":
            return spectrogram(samples, RATE)
        if self.voice == "mel":
            return mel_spectrogram(samples, RATE)
        return samples


class _Stream:
    """Some rows and columns of a set, by Arrow's PyCapsule interface."""

    def __init__(
        self, pairs: _native.PairSet, split: Split | None, columns: Sequence[str] | None
    ) -> None:
        self._pairs = pairs
        self._split = split
        self._columns = None if columns is None else list(columns)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._pairs.stream(self._split, self._columns)
