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
from ._native import __version__
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
