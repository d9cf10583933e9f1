// Writes the page with all that it needs to `dist`:
//
//     npm ci --ignore-scripts
//     node build.mjs [path of the program speech2face]

import { execFileSync } from 'node:child_process';
import {
  copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { halve } from './half.mjs';

const here = (...path) => join(fileURLToPath(new URL('.', import.meta.url)), ...path);
const [program = 'speech2face'] = process.argv.slice(2);
const dist = here('dist');

/** Files of the page of `speech2face serve` that this one shares. */
const SHARED = ['icon.svg', 'microphone.js', 'recorder.js', 'style.css', 'wave.js'];
/** The smallest build of onnxruntime-web that runs on a processor. */
const RUNTIME = ['ort.wasm.min.mjs', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'];
const NETWORKS = ['voice-encoder.onnx', 'face-distribution.onnx', 'face-decoder.onnx'];

rmSync(dist, { recursive: true, force: true });
cpSync(here('page'), dist, { recursive: true });
for (const name of SHARED) {
  copyFileSync(here('../../crates/s2f-serve/page', name), join(dist, name));
}
for (const name of RUNTIME) {
  copyFileSync(here('node_modules/onnxruntime-web/dist', name), join(dist, name));
}
mkdirSync(join(dist, 'voices'));
for (const name of ['low.flac', 'high.flac']) {
  copyFileSync(here('../voices', name), join(dist, 'voices', name));
}

const exported = mkdtempSync(join(tmpdir(), 'speech2face-'));
try {
  const run = (...args) => execFileSync(program, ['model', 'export', '-q', ...args]);
  run('--format', 'onnx', '-o', join(exported, 'onnx'));
  run('--format', 'safetensors', '-o', join(exported, 'torch'));
  for (const name of NETWORKS) {
    writeFileSync(join(dist, name), halve(readFileSync(join(exported, 'onnx', name))));
  }
  writeFileSync(join(dist, 'model.json'), JSON.stringify(description(join(exported, 'torch'))));
} finally {
  rmSync(exported, { recursive: true, force: true });
}

const files = readdirSync(dist, { recursive: true }).map((name) => statSync(join(dist, name)));
const bytes = files.filter((file) => file.isFile()).reduce((sum, { size }) => sum + size, 0);
console.log(`wrote ${dist}: ${(bytes / 1e6).toFixed(1)} MB`);

/** What the page needs to know of a model besides its networks: among others the distribution of
 * faces without any voice, which the ONNX files do not hold. */
function description(folder) {
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  const { name, face_space: space, voice_encoder: encoder, face_distribution: faces } = config;
  if (!encoder.speaker_encoder || !faces?.reliability || space.normalisation !== 'unit-length') {
    throw new Error(`the page cannot run ${name}: it needs a speaker encoder and a distribution of \
faces with its reliability; hint: use the shipped model`);
  }
  const weights = readFileSync(join(folder, 'model.safetensors'));
  const tensor = (key) => safetensor(weights, `face_distribution.${key}`);
  const exponentials = Array.from(tensor('prior_logits'), Math.exp);
  const sum = exponentials.reduce((a, b) => a + b);
  const [centre, deviation, means] = ['face.centre', 'face.deviation', 'prior_means'].map(tensor);
  const mean = (_, k) => Array.from(centre, (value, n) =>
    value + means[k * centre.length + n] * deviation[n]);
  return {
    name,
    identity: space.dimension - space.traits.length,
    reliability: faces.reliability,
    prior: {
      weights: exponentials.map((value) => value / sum),
      means: Array.from({ length: faces.components }, mean),
    },
  };
}

/** The values of a tensor of 32-bit floats. */
function safetensor(bytes, key) {
  const header = Number(bytes.readBigUInt64LE(0));
  const { dtype, data_offsets: range } = JSON.parse(bytes.toString('utf8', 8, 8 + header))[key];
  if (dtype !== 'F32') throw new Error(`${key} is ${dtype}, not F32`);
  const [start, end] = range.map((offset) => 8 + header + offset);
  return new Float32Array(Uint8Array.from(bytes.subarray(start, end)).buffer);
}
