// The networks, and from a voice to its face: what Speech2Face::reconstruct computes.

import { BANDS, melSpectrogram } from './mel.js';
import { cleanSeconds, clip, windows } from './voice.js';

/** Windows per call of the voice encoder. */
const BATCH = 4;

export class Model {
  /** `ort` is onnxruntime-web, `read(name)` gives the bytes of a file that build.mjs made. */
  static async open(ort, read) {
    const model = new Model();
    model.ort = ort;
    model.description = JSON.parse(new TextDecoder().decode(await read('model.json')));
    const session = async (name) => ort.InferenceSession.create(await read(name));
    model.voiceEncoder = await session('voice-encoder.onnx');
    model.faceDistribution = await session('face-distribution.onnx');
    model.faceDecoder = await session('face-decoder.onnx');
    return model;
  }

  /** The mean face of a voice, samples at 16 kHz. `rgba`: four bytes for each of `side` · `side`
   * pixels; `information`: the share of what an endless clean recording would tell. */
  async reconstruct(voice) {
    const ranges = windows(voice);
    const embedding = await this.embed(ranges.map((range) => clip(voice, range)));
    const seconds = cleanSeconds(voice, ranges);
    const information = this.information(seconds);
    const feature = await this.meanFeature(embedding, information);
    return { ...(await this.draw(feature)), information: information.components };
  }

  /** The mean of the voice encoder's outputs for clips. */
  async embed(clips) {
    const sums = [];
    for (let at = 0; at < clips.length; at += BATCH) {
      const mels = clips.slice(at, at + BATCH).map(melSpectrogram);
      const [frames, values] = [mels[0].length / BANDS, new Float32Array(mels.length * mels[0].length)];
      mels.forEach((mel, index) => values.set(mel, index * mel.length));
      const shape = [mels.length, frames, BANDS];
      const { embedding } = await this.run(this.voiceEncoder, 'mel', values, shape);
      const width = embedding.dims[1];
      embedding.data.forEach((value, index) => {
        sums[index % width] = (sums[index % width] ?? 0) + value;
      });
    }
    return Float32Array.from(sums, (sum) => sum / clips.length);
  }

  /** How much clean speech of this length tells: s / (s + the seconds at which it is a half). */
  information(seconds) {
    const { components_s: components, weights_s: weights } = this.description.reliability;
    const share = (half) => (seconds > 0 ? seconds / (seconds + half) : 0);
    return { components: share(components), weights: share(weights) };
  }

  /** The mean of the distribution of faces, which lies between that of the voice and that without
   * any voice, the prior, by the information; see crates/s2f-nn/src/face_distribution/temper.rs. */
  async meanFeature(embedding, { components, weights: share }) {
    const { prior, identity } = this.description;
    const shape = [1, embedding.length];
    const { weights, means } = await this.run(this.faceDistribution, 'embedding', embedding, shape);
    const mixed = prior.weights.map((of, k) => weights.data[k] ** share * of ** (1 - share));
    const sum = mixed.reduce((a, b) => a + b);
    const feature = new Float64Array(means.dims[2]);
    prior.means.forEach((of, k) => of.forEach((value, n) => {
      const own = means.data[k * feature.length + n];
      feature[n] += (mixed[k] / sum) * (value + components * (own - value));
    }));
    // The identity has unit length; sex, age and hair, which follow it, stay as they are.
    const length = Math.hypot(...feature.subarray(0, identity));
    return Float32Array.from(feature, (value, n) => (n < identity ? value / length : value));
  }

  /** The face of a feature; the network also warps the texture to the landmarks. */
  async draw(feature) {
    const shape = [1, feature.length];
    const { picture } = await this.run(this.faceDecoder, 'feature', feature, shape);
    const [side, values] = [picture.dims[3], picture.data];
    const rgba = new Uint8ClampedArray(4 * side * side).fill(255);
    for (let pixel = 0; pixel < side * side; pixel += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        const value = Math.max(0, Math.min(1, values[channel * side * side + pixel]));
        rgba[4 * pixel + channel] = Math.floor(value * 255 + 0.5);
      }
    }
    return { rgba, side };
  }

  run(session, input, values, shape) {
    return session.run({ [input]: new this.ort.Tensor('float32', values, shape) });
  }
}
