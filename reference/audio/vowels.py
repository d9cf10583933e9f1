"""Voices with known pitch and formants, for `s2f_audio::pitch` and `s2f_audio::formants`.

    python vowels.py

Each is 1.2 s of pulses through five resonators (Klatt, JASA 67, 1980, equation 1), with slight
vibrato and the noise of a quiet room; the true pitch is the median of the pulses' frequency. Writes
`vowels.npy` (int16, [6, 19200], 16 kHz) and `vowels_truth.npy` (float64, [6, 5]: pitch, then F1 to
F4, Hz).
"""

from pathlib import Path

import numpy as np
from scipy.signal import lfilter, resample_poly

RATE, SECONDS, OVER = 16_000, 1.2, 4
HERE = Path(__file__).parent
# Pitch, F1 to F5, Hz, and the signal to noise ratio, dB.
VOICES = [
    (85, (500, 1450, 2450, 3350, 4300), 50),
    (110, (650, 1100, 2500, 3400, 4400), 50),
    (140, (300, 2200, 2900, 3500, 4500), 50),
    (190, (550, 1700, 2800, 3900, 4900), 50),
    (220, (750, 1300, 2800, 3950, 5000), 50),
    (280, (600, 1900, 3000, 4100, 5100), 50),
]

rng = np.random.default_rng(1905)
rate = OVER * RATE
t = np.arange(int(SECONDS * rate)) / rate
sounds, truth = [], []
for hz, formants, snr_db in VOICES:
    pitch = hz * (1 + 0.02 * np.sin(2 * np.pi * 5 * t))
    phase = np.cumsum(pitch) / rate
    sound = (np.diff(np.floor(phase), prepend=0) > 0).astype(float)
    # The glottal pulse: -12 dB per octave; radiation at the lips adds 6 dB per octave.
    sound = lfilter([1], [1, -np.exp(-2 * np.pi * 100 / rate)], sound)
    for k, formant in enumerate(formants):
        bandwidth = 60 + 30 * k
        radius = np.exp(-np.pi * bandwidth / rate)
        a = [1, -2 * radius * np.cos(2 * np.pi * formant / rate), radius**2]
        sound = lfilter([sum(a)], a, sound)
    sound = resample_poly(sound, 1, OVER)
    # Room noise: -6 dB per octave, like the sound itself.
    noise = lfilter([1], [1, -np.exp(-2 * np.pi * 100 / RATE)], rng.standard_normal(sound.size))
    sound += noise * np.sqrt(np.mean(sound**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
    sounds.append(np.round(16_000 * sound / np.abs(sound).max()).astype(np.int16))
    truth.append([np.median(pitch), *formants[:4]])

np.save(HERE / "vowels.npy", np.array(sounds))
np.save(HERE / "vowels_truth.npy", np.array(truth))
print(np.array(sounds).shape, np.array(truth))
