// Weights of 16 bits: only those that are exact, and the same networks.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import * as ort from 'onnxruntime-web';

import { half, halve } from '../half.mjs';

test('numbers of 16 bits are exact or refused', () => {
  // IEEE 754-2008, binary16: largest, smallest normal, largest and smallest subnormal number.
  const exact = [[0, 0], [-0, 0x8000], [1, 0x3c00], [-2, 0xc000], [65504, 0x7bff],
    [2 ** -14, 0x0400], [1023 * 2 ** -24, 0x03ff], [2 ** -24, 0x0001], [1 + 2 ** -10, 0x3c01]];
  for (const [number, bits] of exact) assert.equal(half(number), bits, String(number));
  for (const number of [0.1, 65520, 1 + 2 ** -11, 2 ** -25, 1.5 * 2 ** -24, Infinity, NaN]) {
    assert.equal(half(number), null, String(number));
  }
});

test('smaller files hold the same networks', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'speech2face-'));
  const output = join(folder, 'onnx');
  const args = ['model', 'export', '-q', '--format', 'onnx', '-o', output];
  execFileSync(process.env.S2F_PROGRAM, args);
  const networks = [['voice-encoder', 'mel', [1, 601, 40]],
    ['face-distribution', 'embedding', [1, 256]], ['face-decoder', 'feature', [1, 259]]];
  for (const [name, input, shape] of networks) {
    const original = new Uint8Array(readFileSync(join(output, `${name}.onnx`)));
    const smaller = halve(original);
    assert.ok(smaller.length < 0.6 * original.length, `${name}: ${smaller.length} bytes`);
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, n) =>
      Math.sin(n) ** 2);
    const outputs = async (file) => {
      const session = await ort.InferenceSession.create(file);
      const found = await session.run({ [input]: new ort.Tensor('float32', values, shape) });
      return Object.values(found).map(({ data }) => data);
    };
    assert.deepEqual(await outputs(smaller), await outputs(original), name);
  }
  rmSync(folder, { recursive: true });
});
