"""From a recording of a voice to a picture of a face that shares its traits.

>>> import speech2face as s2f
>>> face = s2f.Model().reconstruct("voice.m4a")  # doctest: +SKIP
>>> face.save("voice.png")  # doctest: +SKIP

A face is a plausible one for somebody who sounds like this. It is nobody's face and identifies no
one.

For people who train networks of their own: `spectrogram` is the paper's input, `Pairs` reads pairs
of voices and faces, and `evaluate` scores the features of any network by the protocols of the
command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._native import __version__

if TYPE_CHECKING:
    from . import corpus, metrics
    from ._audio import decode, mel_spectrogram, spectrogram
    from ._errors import (
        Error,
        EvaluationWarning,
        InvalidValueError,
        NotFoundError,
        RecordingWarning,
    )
    from ._evaluate import Report, evaluate
    from ._model import Face, Model
    from ._pairs import Pairs
    from ._voice import Recording

__all__ = [
    "Error",
    "EvaluationWarning",
    "Face",
    "InvalidValueError",
    "Model",
    "NotFoundError",
    "Pairs",
    "Recording",
    "RecordingWarning",
    "Report",
    "__version__",
    "corpus",
    "decode",
    "evaluate",
    "mel_spectrogram",
    "metrics",
    "spectrogram",
]

#: The module of each name: they are imported when they are first used.
_MODULES = {
    "Error": "_errors",
    "EvaluationWarning": "_errors",
    "Face": "_model",
    "InvalidValueError": "_errors",
    "Model": "_model",
    "NotFoundError": "_errors",
    "Pairs": "_pairs",
    "Recording": "_voice",
    "RecordingWarning": "_errors",
    "Report": "_evaluate",
    "decode": "_audio",
    "evaluate": "_evaluate",
    "mel_spectrogram": "_audio",
    "spectrogram": "_audio",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in ("corpus", "metrics"):
        return import_module(f".{name}", __name__)
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
