"""Models and the faces that they draw."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from . import _native
from ._errors import Error, InvalidValueError, RecordingWarning
from ._voice import Recording, source

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image
    from numpy.typing import NDArray

#: How a face is drawn; ``None`` for a photograph. ``"cartoon"`` is a sticker.
Style: TypeAlias = Literal["cartoon", "sticker", "line"]
#: The part of a recording that is used: all of it, or the first 6 s as in the paper.
Window: TypeAlias = Literal["all", "first"]


@dataclass(frozen=True, eq=False)
class Face:
    """A plausible face for a voice. It is nobody's face and identifies no one.

    It holds no model, so it can be pickled, and is small.

    Attributes
    ----------
    image : ndarray of uint8, shape [224, 224, 3]
        R, G, B of the photograph that the face decoder draws.
    landmarks : ndarray of float32, shape [landmarks, 2]
        x and y in pixels of `image`.
    feature : ndarray of float32, shape [D]
        The face feature that it was drawn from, after exaggeration.
    png : bytes
        The file that the command ``speech2face reconstruct`` writes, with its provenance: the
        photograph or, with a style, the cartoon.
    svg : str or None
        The cartoon.
    json : bytes or None
        The JSON file that the command writes; None for a face in `faces`, which that of the mean
        face lists.
    faces : tuple of Face
        Plausible faces that were drawn at random, if they were asked for.
    sheet : bytes or None
        A PNG file with the mean face and all `faces`.
    """

    image: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    feature: NDArray[np.float32]
    png: bytes = field(repr=False)
    svg: str | None = field(default=None, repr=False)
    json: bytes | None = field(default=None, repr=False)
    faces: tuple[Face, ...] = field(default=(), repr=False)
    sheet: bytes | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        side = self.image.shape[0]
        more = f", {len(self.faces)} plausible faces" if self.faces else ""
        return f"<Face of {side} x {side} pixels{more}>"

    @property
    def document(self) -> dict[str, Any]:
        """What `json` says: provenance, and what the voice tells about sex and age."""
        import json

        document: dict[str, Any] = {} if self.json is None else json.loads(self.json)
        return document

    def _repr_png_(self) -> bytes:
        """The picture in a notebook."""
        return self.png if self.sheet is None else self.sheet

    def pil(self) -> PIL.Image.Image:
        """The picture of `png` for Pillow.

        Returns
        -------
        PIL.Image.Image
        """
        import io

        import PIL.Image

        return PIL.Image.open(io.BytesIO(self.png))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the face to a file, in the place of one of this name.

        Parameters
        ----------
        path : str or PathLike
            The format follows its end: ``.png`` for the picture, ``.json`` for `json`,
            ``.svg`` for a cartoon.

        Raises
        ------
        ValueError
            If it ends in something else, or in ``.svg`` without a style.
        """
        end = os.path.splitext(os.fspath(path))[1].lower()
        if end == ".png":
            data = self.png
        elif end == ".json" and self.json is not None:
            data = self.json
        elif end == ".svg" and self.svg is not None:
            data = self.svg.encode()
        else:
            raise InvalidValueError(
                f"{os.fspath(path)} has no format that this face has",
                "end the name in .png, in .svg for a cartoon, or in .json for a mean face",
            )
        _native.write_file(os.fspath(path), data)


class Model:
    """A model: recordings of voices in, faces out.

    It can be shared by threads and pickled into other processes, which open it again.

    Parameters
    ----------
    name : str or PathLike
        ``"compact"``, which is part of the package; a model folder; or a run folder of
        ``speech2face train``.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda:0"`` or ``"wgpu:0"``. Wheels compute on the CPU.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    Error
        If the model is damaged.

    Examples
    --------
    >>> import speech2face as s2f
    >>> model = s2f.Model()
    >>> model.reconstruct("voice.m4a").save("voice.png")  # doctest: +SKIP
    """

    def __init__(
        self, name: str | os.PathLike[str] = "compact", *, device: str = "auto"
    ) -> None:
        self._arguments = (os.fspath(name), device)
        self._native = _native.Model(*self._arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return _open, self._arguments

    def __repr__(self) -> str:
        name, device = self._arguments
        return f"Model({name!r}, device={device!r})"

    @property
    def name(self) -> str:
        """Its name."""
        return self._native.name

    @property
    def sha256(self) -> str:
        """SHA-256 of its weights."""
        return self._native.sha256

    @property
    def card(self) -> str:
        """The model card: training data and limits, Markdown."""
        return self._native.card

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of its networks."""
        import json

        config: dict[str, Any] = json.loads(self._native.config)
        return config

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return self._native.parameters

    @property
    def dimension(self) -> int:
        """Number of dimensions of its features, D."""
        return self._native.dimension

    @property
    def identity_dimension(self) -> int:
        """Number of leading dimensions that the feature of a photograph has too; traits follow."""
        return self._native.identity_dimension

    def reconstruct(
        self,
        recording: Recording,
        *,
        faces: int = 0,
        seed: int = 0,
        truncate: float = 1.0,
        exaggerate: float = 0.0,
        style: Style | None = None,
        caricature: float = 0.4,
        window: Window = "all",
        track: int | None = None,
    ) -> Face:
        """Draw the face of a voice.

        Parameters
        ----------
        recording : str, PathLike, bytes, file, or (samples, rate)
            A recording in any format that the command reads: its path, its bytes, or a file that
            is open for reading; or samples with their rate in Hz, as an array of NumPy or a tensor
            of PyTorch, of shape [frames], [frames, channels] or [channels, frames], floats from -1
            to 1 or integers.
        faces : int
            Also draw this many plausible faces, up to 100.
        seed : int
            Random seed of `faces`.
        truncate : float
            How far `faces` may be from typical ones, 0 to 1.
        exaggerate : float
            How far to move away from the mean face: 0 is the prediction, -1 the mean face, 3 the
            most.
        style : {"cartoon", "sticker", "line"}, optional
            Draw a cartoon instead of a photograph.
        caricature : float
            How far a cartoon is moved away from the mean face, 0 to 2.
        window : {"all", "first"}
            Use the whole recording, or its first 6 s as in the paper.
        track : int, optional
            Number of the sound track, from 1.

        Returns
        -------
        Face
            The mean face, with the others in its `faces`.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If an argument is out of its range.
        Error
            If the recording cannot be used.

        Warns
        -----
        RecordingWarning
            If something is unusual about the recording.
        """
        mean, others, document, sheet, remarks = self._native.reconstruct(
            source(recording),
            exaggerate=exaggerate,
            faces=_count(faces, "faces", 0),
            seed=seed,
            truncate=truncate,
            style=style,
            caricature=caricature,
            window=window,
            track=track,
        )
        for remark in remarks:
            warnings.warn(remark, RecordingWarning, stacklevel=2)
        drawn = tuple(_face(other) for other in others)
        return _face(mean, document, drawn, sheet)

    @overload
    def embed(
        self,
        recordings: Sequence[Recording],
        *,
        jobs: int | None = ...,
        window: Window = ...,
        track: int | None = ...,
        errors: Literal["raise"] = ...,
    ) -> NDArray[np.float32]: ...

    @overload
    def embed(
        self,
        recordings: Sequence[Recording],
        *,
        jobs: int | None = ...,
        window: Window = ...,
        track: int | None = ...,
        errors: Literal["return"],
    ) -> tuple[NDArray[np.float32], list[Error | None]]: ...

    def embed(
        self,
        recordings: Sequence[Recording],
        *,
        jobs: int | None = None,
        window: Window = "all",
        track: int | None = None,
        errors: Literal["raise", "return"] = "raise",
    ) -> NDArray[np.float32] | tuple[NDArray[np.float32], list[Error | None]]:
        """The face features of several voices.

        A feature does not depend on the other recordings, nor on `jobs`.

        Parameters
        ----------
        recordings : sequence of recordings
            Each as for `reconstruct`.
        jobs : int, optional
            Number of threads; all cores if omitted.
        window : {"all", "first"}
            As for `reconstruct`.
        track : int, optional
            As for `reconstruct`.
        errors : {"raise", "return"}
            Whether the first recording that cannot be used raises its exception, or all such
            exceptions are returned.

        Returns
        -------
        features : ndarray of float32, shape [recordings, D]
            Not a number for a recording that cannot be used.
        errors : list of Error or None
            Only with ``errors="return"``: the exception of each recording, or None.
        """
        import numpy as np

        if errors not in ("raise", "return"):
            raise InvalidValueError(f"errors is {errors!r}", 'use "raise" or "return"')
        if isinstance(recordings, (str, bytes, os.PathLike)):
            raise InvalidValueError("recordings is a single recording", "give a list: [recording]")
        found = self._native.embed(
            [source(recording) for recording in recordings],
            jobs=0 if jobs is None else _count(jobs, "jobs", 1),
            window=window,
            track=track,
            first_error=errors == "raise",
        )
        features = np.full((len(recordings), self.dimension), np.nan, np.float32)
        problems: list[Error | None] = [None] * len(recordings)
        for row, one in enumerate(found):
            if isinstance(one, bytes):
                features[row] = np.frombuffer(one, np.float32)
            elif errors == "raise":
                raise one
            else:
                problems[row] = one
        return features if errors == "raise" else (features, problems)


def _open(name: str, device: str) -> Model:
    return Model(name, device=device)


def _face(
    drawn: _native.Drawn,
    document: bytes | None = None,
    faces: tuple[Face, ...] = (),
    sheet: bytes | None = None,
) -> Face:
    import numpy as np

    return Face(
        image=np.frombuffer(drawn.rgb, np.uint8).reshape(drawn.side, drawn.side, 3),
        landmarks=np.frombuffer(drawn.landmarks, np.float32).reshape(-1, 2),
        feature=np.frombuffer(drawn.feature, np.float32),
        png=drawn.png,
        svg=drawn.svg,
        json=document,
        faces=faces,
        sheet=sheet,
    )


def _count(value: int, name: str, least: int) -> int:
    if value < least:
        raise InvalidValueError(f"{name} is {value}", f"use {least} or more")
    return value
