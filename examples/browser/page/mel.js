// From samples at 16 kHz to a mel spectrogram: what crates/s2f-audio/src/mel.rs computes.
//
// The power in 40 bands of Slaney's mel scale, 0 to 8 kHz, every 10 ms, from windows of 25 ms; a
// quiet clip is first raised to -30 dB of full scale.

export const RATE_HZ = 16000;
const WINDOW = 400;
const HOP = 160;
export const BANDS = 40;
const LEVEL_DBFS = -30;
const NYQUIST_HZ = RATE_HZ / 2;

/** Mean square of samples; 0 if there are none. */
export function meanPower(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return sum / Math.max(samples.length, 1);
}

/** Values [frames, 40] of a clip, row by row; a clip has floor(samples / 160) + 1 frames. */
export function melSpectrogram(samples) {
  const dbfs = 10 * Math.log10(meanPower(samples));
  const gain = Number.isFinite(dbfs) ? 10 ** (Math.max(LEVEL_DBFS - dbfs, 0) / 20) : 1;
  const frames = Math.floor(samples.length / HOP) + 1;
  const values = new Float32Array(frames * BANDS);
  for (let frame = 0; frame < frames; frame += 1) {
    const start = frame * HOP - WINDOW / 2; // centred, with zeros around the clip
    const windowed = HANN.map((weight, n) => weight * gain * (samples[start + n] ?? 0));
    const power = powerSpectrum(windowed);
    TRIANGLES.forEach(({ first, weights }, band) => {
      let sum = 0;
      for (let n = 0; n < weights.length; n += 1) sum += weights[n] * power[first + n];
      values[frame * BANDS + band] = sum;
    });
  }
  return values;
}

const HANN = Float64Array.from({ length: WINDOW }, (_, n) =>
  0.5 - 0.5 * Math.cos((2 * Math.PI * n) / WINDOW));

/** Slaney's mel scale: linear up to 1 kHz, then 27 mels for a factor of 6.4. */
const BREAK_HZ = 1000;
const BREAK_MEL = 15;
const mel = (hz) => (hz < BREAK_HZ
  ? (hz * BREAK_MEL) / BREAK_HZ
  : BREAK_MEL + (27 * Math.log(hz / BREAK_HZ)) / Math.log(6.4));
const hertz = (mels) => (mels < BREAK_MEL
  ? (mels * BREAK_HZ) / BREAK_MEL
  : BREAK_HZ * 6.4 ** ((mels - BREAK_MEL) / 27));

/** Each band is a triangle of area 1 over frequency; weights that are not zero. */
const TRIANGLES = Array.from({ length: BANDS }, (_, band) => {
  const [low, centre, high] = [0, 1, 2].map((corner) =>
    hertz((mel(NYQUIST_HZ) * (band + corner)) / (BANDS + 1)));
  const all = Array.from({ length: WINDOW / 2 + 1 }, (_, bin) => {
    const hz = (bin * RATE_HZ) / WINDOW;
    const slope = Math.min((hz - low) / (centre - low), (high - hz) / (high - centre));
    return (Math.max(slope, 0) * 2) / (high - low);
  });
  const first = all.findIndex((weight) => weight > 0);
  return { first, weights: all.slice(first).filter((weight) => weight > 0) };
});

const TURNS = Array.from({ length: WINDOW }, (_, n) => (-2 * Math.PI * n) / WINDOW);
const COSINES = Float64Array.from(TURNS, Math.cos);
const SINES = Float64Array.from(TURNS, Math.sin);

/** 400 = 16 · 25. */
const [ROWS, COLUMNS] = [16, 25];
const real = new Float64Array(WINDOW);
const imaginary = new Float64Array(WINDOW);

/** |X|² of the frequencies 0 to half the length: Cooley and Tukey's transform in two steps, first
 * of every 25th value, then of the results. */
function powerSpectrum(values) {
  for (let column = 0; column < COLUMNS; column += 1) {
    for (let k = 0; k < ROWS; k += 1) {
      let [a, b] = [0, 0];
      for (let row = 0; row < ROWS; row += 1) {
        const turn = (COLUMNS * row * k) % WINDOW;
        const value = values[COLUMNS * row + column];
        a += value * COSINES[turn];
        b += value * SINES[turn];
      }
      real[ROWS * column + k] = a;
      imaginary[ROWS * column + k] = b;
    }
  }
  const power = new Float64Array(WINDOW / 2 + 1);
  for (let k = 0; k < power.length; k += 1) {
    let [a, b] = [0, 0];
    for (let column = 0; column < COLUMNS; column += 1) {
      const turn = (column * k) % WINDOW;
      const from = ROWS * column + (k % ROWS);
      a += real[from] * COSINES[turn] - imaginary[from] * SINES[turn];
      b += real[from] * SINES[turn] + imaginary[from] * COSINES[turn];
    }
    power[k] = a * a + b * b;
  }
  return power;
}
