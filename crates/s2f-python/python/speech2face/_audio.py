"""Recordings as samples and spectrograms, for people who train networks elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _native
from ._voice import Recording, samples_source, source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Sampling rate of every voice, Hz.
RATE = 16_000


def decode(recording: Recording, *, track: int | None = None) -> NDArray[np.float32]:
    """The samples of a recording at 16 kHz, mono, as the networks are given them.

    Of a recording that is longer than 144 s, evenly spaced stretches are kept.

    Parameters
    ----------
    recording : str, PathLike, bytes, file, or (samples, rate)
        As for `Model.reconstruct`; at least 1 s long.
    track : int, optional
        Number of the sound track, from 1.

    Returns
    -------
    ndarray of float32, shape [samples]
        Full scale is -1 to 1.
    """
    import numpy as np

    return np.frombuffer(_native.decode(source(recording), track), np.float32)


def spectrogram(
    samples: Any, rate: int = RATE, *, whole: bool = False
) -> NDArray[np.float32]:
    """The spectrogram of the paper: the power-law compressed STFT of 6 s of a voice.

    Speech2Face, section 3: windows of 25 ms every 10 ms and a transform of 512 points; each real
    and each imaginary part x becomes sign(x) |x| ^ 0.3.

    Parameters
    ----------
    samples : array or tensor
        Of shape [frames], [frames, channels] or [channels, frames]; at least 1 s.
    rate : int
        Their rate, Hz. Other rates than 16000 are resampled.
    whole : bool
        Transform all samples. Otherwise, only the first 6 s; shorter voices are repeated.

    Returns
    -------
    ndarray of float32, shape [2, frames, 257]
        Real and imaginary parts, 598 frames for 6 s.
    """
    import numpy as np

    data = _native.spectrogram(samples_source(samples, rate), whole)
    return np.frombuffer(data, np.float32).reshape(2, -1, 257)


def mel_spectrogram(
    samples: Any, rate: int = RATE, *, whole: bool = False
) -> NDArray[np.float32]:
    """The mel spectrogram that the speaker encoder of the shipped model reads.

    Parameters
    ----------
    samples : array or tensor
        As for `spectrogram`.
    rate : int
        Their rate, Hz.
    whole : bool
        As for `spectrogram`.

    Returns
    -------
    ndarray of float32, shape [frames, 40]
        601 frames for 6 s.
    """
    import numpy as np

    data = _native.mel_spectrogram(samples_source(samples, rate), whole)
    return np.frombuffer(data, np.float32).reshape(-1, 40)
