// Which parts of a recording are used, and how much speech they hold: what
// crates/speech2face/src/voices.rs and evidence.rs compute with the default policy.

import { RATE_HZ, meanPower } from './mel.js';

const WINDOW = 6 * RATE_HZ;
const HOP = 3 * RATE_HZ;
const MAX_WINDOWS = 20;
/** A window with less of the loudest window's power is a pause. */
const PAUSE_POWER = 1e-3;

/** Windows of 6 s that overlap by half, without pauses, as [start, end]: at most 20, spread evenly
 * over the recording. */
export function windows(voice) {
  const last = Math.max(voice.length - WINDOW, 0);
  const all = Array.from({ length: Math.ceil(last / HOP) + 1 }, (_, index) => {
    const start = Math.min(index * HOP, last);
    return [start, Math.min(start + WINDOW, voice.length)];
  });
  const powers = all.map(([start, end]) => meanPower(voice.subarray(start, end)));
  const loudest = Math.max(...powers);
  const voiced = all.filter((_, index) => powers[index] >= PAUSE_POWER * loudest);
  const count = Math.min(voiced.length, MAX_WINDOWS);
  const place = (index) => Math.floor((index * (voiced.length - 1)) / Math.max(count - 1, 1));
  return Array.from({ length: count }, (_, index) => voiced[place(index)]);
}

/** The samples of a window; those of a short recording are repeated until they fill it. */
export function clip(voice, [start, end]) {
  return Float32Array.from({ length: WINDOW }, (_, n) => voice[start + (n % (end - start))]);
}

/** Seconds of clean speech that tell as much as these windows of the recording; 0 if there is
 * nothing above the noise. */
export function cleanSeconds(voice, ranges) {
  const parts = [];
  let covered = 0;
  for (const [start, end] of ranges) {
    parts.push(voice.subarray(Math.max(start, covered), end));
    covered = end;
  }
  const samples = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    samples.set(part, at);
    at += part.length;
  }
  const noiseDb = signalToNoiseDb(samples);
  if (!(noiseDb >= 3)) return 0; // neither syllables nor pauses, or less than a frame
  const ratio = 10 ** (noiseDb / 10) - 1;
  return ((samples.length / RATE_HZ) * ratio) / (ratio + 10);
}

/** Power of the loudest tenth of the frames of 25 ms over that of the quietest tenth, dB. */
function signalToNoiseDb(samples) {
  const frame = RATE_HZ / 40;
  const count = Math.floor(samples.length / frame);
  if (count === 0) return NaN;
  const powers = Float64Array.from({ length: count }, (_, index) =>
    Math.max(meanPower(samples.subarray(index * frame, (index + 1) * frame)), 1e-10)).sort();
  const tenth = Math.floor((count - 1) / 10);
  return 10 * Math.log10(powers[count - 1 - tenth] / powers[tenth]);
}

/** What stands against using a recording, or null: the command refuses the same ones. */
export function obstacle(voice) {
  if (voice.length < RATE_HZ) return 'The recording is shorter than a second.';
  const [low, high] = voice.reduce(([a, b], sample) =>
    [Math.min(a, sample), Math.max(b, sample)], [Infinity, -Infinity]);
  if (20 * Math.log10((high - low) / 2) < -80) return 'The recording is silent.';
  return null;
}
