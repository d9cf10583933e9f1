"""Spectrograms, against NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import hum

import speech2face as s2f


def reference(samples: np.ndarray) -> np.ndarray:
    """Speech2Face, section 3, in double precision: a periodic Hann window of 25 ms every 10 ms."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.lib.stride_tricks.sliding_window_view(samples, 400)[::160] * window
    found = np.fft.rfft(frames, 512)
    parts = np.stack([found.real, found.imag])
    return np.sign(parts) * np.abs(parts) ** 0.3


def test_the_spectrogram_is_that_of_numpy() -> None:
    samples = hum(130, 6.5).astype(np.float32)
    found = s2f.spectrogram(samples)
    assert (found.dtype, found.shape) == (np.float32, (2, 598, 257))
    # Where a value is rounding error, its root is not small.
    expected = reference(samples[:96_000].astype(np.float64))
    large = np.abs(expected) > 0.3
    assert large.mean() > 0.1
    assert np.allclose(found[large], expected[large], rtol=1e-3)
    whole = s2f.spectrogram(samples, whole=True)
    assert whole.shape == (2, 648, 257) and np.array_equal(whole[:, :598], found)
    found[0, 0, 0] = 1  # may be changed


def test_a_short_voice_is_repeated_and_other_rates_are_resampled() -> None:
    short = hum(130, 2).astype(np.float32)
    assert np.array_equal(s2f.spectrogram(short), s2f.spectrogram(np.tile(short, 3)))
    fast = s2f.spectrogram(hum(130, 6, 44_100), 44_100)
    assert fast.shape == (2, 598, 257)
    # The same harmonics: bins of 31.25 Hz.
    slow = s2f.spectrogram(hum(130, 6))
    assert np.hypot(*fast)[:, :60].mean(0) == pytest.approx(np.hypot(*slow)[:, :60].mean(0), rel=0.1)
    with pytest.raises(ValueError, match="at least 1 s"):
        s2f.spectrogram(short[:8000])


def test_a_mel_spectrogram_has_forty_bands() -> None:
    found = s2f.mel_spectrogram(hum(130, 6))
    assert (found.dtype, found.shape) == (np.float32, (601, 40))
    assert s2f.mel_spectrogram(hum(130, 7), whole=True).shape == (701, 40)


def test_recordings_are_decoded_at_16_khz(voice: Path) -> None:
    expected, rate = soundfile.read(voice, dtype="float32")
    found = s2f.decode(voice)
    assert found.dtype == np.float32
    assert len(found) == pytest.approx(len(expected) * 16_000 / rate, abs=2)
    if rate == 16_000:
        assert np.array_equal(found, expected)
    with pytest.raises(FileNotFoundError):
        s2f.decode("missing.wav")
    with pytest.raises(s2f.Error, match="track"):
        s2f.decode(voice, track=2)
