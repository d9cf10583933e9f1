"""Reference values for `s2f_audio::spectrogram`: SciPy's windows and NumPy's transform, in float64.

    python spectrogram.py

writes `spectrogram_input.npy` (float32, 1520 samples at 16 kHz: a gliding harmonic tone, noise, a
click and a stretch of zeros) and `spectrogram_output.npy` (float32, [2, 8, 257]).
"""

from pathlib import Path

import numpy as np
import scipy.signal
import torch

RATE, WINDOW, HOP, FFT, POWER = 16_000, 400, 160, 512, 0.3
HERE = Path(__file__).parent

rng = np.random.default_rng(2019)
t = np.arange(1520) / RATE
phase = 2 * np.pi * (120 * t + 400 * t**2)
tone = sum(np.sin(k * phase) / k for k in range(1, 20))
signal = 0.2 * tone + 0.01 * rng.standard_normal(t.size)
signal[700] += 0.9
signal[1100:] = 0.0
signal = signal.astype(np.float32)

window = scipy.signal.get_window("hann", WINDOW)  # periodic
assert np.allclose(window, torch.hann_window(WINDOW, dtype=torch.float64), atol=1e-15)

frames = np.lib.stride_tricks.sliding_window_view(signal.astype(np.float64), WINDOW)[::HOP]
spectrum = np.fft.rfft(frames * window, FFT)
parts = np.stack([spectrum.real, spectrum.imag])
output = np.sign(parts) * np.abs(parts) ** POWER

np.save(HERE / "spectrogram_input.npy", signal)
np.save(HERE / "spectrogram_output.npy", output.astype(np.float32))
print(output.shape, float(np.abs(output).max()))
