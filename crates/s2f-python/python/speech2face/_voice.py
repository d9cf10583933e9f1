"""What users give as a recording, as the Rust part reads it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, Union

from . import _native
from ._errors import InvalidValueError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: A recording: the path of a file; the bytes of a file; a file that is open for reading; or samples
#: (an array of NumPy or a tensor of PyTorch) with their rate in Hz.
Recording: TypeAlias = Union["str | os.PathLike[str]", bytes, BinaryIO, "tuple[Any, int]"]

#: More channels than this are not expected: such an axis is time.
_MAX_CHANNELS = 64


def source(recording: Recording) -> _native.Source:
    """Where a recording comes from."""
    if isinstance(recording, (str, os.PathLike)):
        return _native.Source.file(os.fspath(recording))
    if isinstance(recording, (bytes, bytearray, memoryview)):
        return _native.Source.memory(bytes(recording), "recording")
    if isinstance(recording, tuple):
        if len(recording) != 2:
            raise InvalidValueError(
                f"a tuple of {len(recording)} is no recording", "give (samples, rate)"
            )
        samples, rate = recording
        return samples_source(samples, rate)
    if hasattr(recording, "read"):
        data = recording.read()
        if not isinstance(data, bytes):
            raise InvalidValueError("the file is open for text", 'open it with mode "rb"')
        return _native.Source.memory(data, str(getattr(recording, "name", "recording")))
    raise InvalidValueError(
        f"{type(recording).__name__} is no recording",
        "give a path, bytes, a file, or (samples, rate)",
    )


def samples_source(samples: Any, rate: int) -> _native.Source:
    """Samples with their rate, Hz."""
    import numpy as np

    if int(rate) != rate or not 0 < rate < 2**32:
        raise InvalidValueError(f"the rate is {rate}", "give samples per second, such as 16000")
    frames = as_frames(samples)
    data = np.ascontiguousarray(frames, dtype=np.float32).tobytes()
    return _native.Source.samples(data, frames.shape[1], int(rate))


def as_frames(samples: Any) -> NDArray[np.float32]:
    """Samples as floats, full scale -1 to 1, of shape [frames, channels].

    Integers are divided by their full scale. Of two axes, the shorter one has the channels.
    """
    import numpy as np

    if hasattr(samples, "detach"):  # a tensor of PyTorch
        samples = samples.detach().cpu().numpy()
    array = np.asarray(samples)
    kind, bits = array.dtype.kind, 8 * array.dtype.itemsize
    if kind == "f":
        floats = array.astype(np.float32, copy=False)
    elif kind == "i":
        floats = (array / 2.0 ** (bits - 1)).astype(np.float32)
    elif kind == "u" and bits == 8:
        floats = ((array.astype(np.float64) - 128) / 128).astype(np.float32)
    else:
        raise InvalidValueError(
            f"samples cannot be of type {array.dtype}", "use floats, or signed integers"
        )
    if floats.ndim == 1:
        return floats.reshape(-1, 1)
    if floats.ndim != 2:
        raise InvalidValueError(
            f"samples have {floats.ndim} axes", "use [frames], [frames, channels] or "
            "[channels, frames]"
        )
    if floats.shape[0] < floats.shape[1]:
        floats = floats.T
    if floats.shape[1] > _MAX_CHANNELS:
        raise InvalidValueError(
            f"samples of shape {array.shape} have {floats.shape[1]} channels",
            f"one axis must have at most {_MAX_CHANNELS}",
        )
    return floats
