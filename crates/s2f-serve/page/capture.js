// Runs beside the page (AudioWorklet): the microphone's samples at 16 kHz, 16 bit, in messages of
// 20 ms, with the time at which the last sample came.

const RATE = 16000;
const MESSAGE = RATE / 50;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / RATE;
    this.position = 0;
    this.last = 0;
    // A low-pass filter of the second order at 7 kHz keeps what 16 kHz cannot hold from folding
    // back (Bristow-Johnson, "Audio EQ Cookbook").
    const turn = (2 * Math.PI * Math.min(7000, 0.45 * sampleRate)) / sampleRate;
    const alpha = Math.sin(turn) / Math.SQRT2;
    const cosine = Math.cos(turn);
    const norm = 1 + alpha;
    this.b = [(1 - cosine) / 2 / norm, (1 - cosine) / norm, (1 - cosine) / 2 / norm];
    this.a = [(-2 * cosine) / norm, (1 - alpha) / norm];
    this.stages = [[0, 0], [0, 0]];
    this.message = new Int16Array(MESSAGE);
    this.filled = 0;
  }

  filter(sample) {
    let value = sample;
    for (const state of this.stages) {
      const output = this.b[0] * value + state[0];
      state[0] = this.b[1] * value - this.a[0] * output + state[1];
      state[1] = this.b[2] * value - this.a[1] * output;
      value = output;
    }
    return value;
  }

  put(sample) {
    this.message[this.filled] = Math.round(Math.max(-1, Math.min(1, sample)) * 32767);
    this.filled += 1;
    if (this.filled === MESSAGE) {
      const samples = this.message.buffer;
      this.port.postMessage({ samples, time: Date.now() }, [samples]);
      this.message = new Int16Array(MESSAGE);
      this.filled = 0;
    }
  }

  process([channels]) {
    for (const raw of channels?.[0] ?? []) {
      const sample = sampleRate === RATE ? raw : this.filter(raw);
      // Between the last sample and this one, linearly.
      while (this.position < 1) {
        this.put(this.last + this.position * (sample - this.last));
        this.position += this.step;
      }
      this.position -= 1;
      this.last = sample;
    }
    return true;
  }
}

registerProcessor('capture', Capture);
