// Drawing of sound, and recordings as WAV files.

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

function prepare(canvas) {
  const scale = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext('2d');
  context.scale(scale, scale);
  return { context, width, height };
}

/** Draws levels (0 to 1, the newest last) as bars that grow from the middle line. */
export function drawLevels(canvas, levels) {
  const { context, width, height } = prepare(canvas);
  const step = 5;
  const count = Math.floor(width / step);
  context.fillStyle = colour('--wave');
  const shown = levels.slice(-count);
  shown.forEach((level, index) => {
    const x = width - (shown.length - index) * step;
    const tall = Math.max(2, Math.min(1, level * 1.6) * (height - 8));
    context.beginPath();
    context.roundRect(x, (height - tall) / 2, 3, tall, 1.5);
    context.fill();
  });
}

/** Draws samples; what is outside `start` to `end` (shares) is pale. */
export function drawClip(canvas, samples, start = 0, end = 1) {
  const { context, width, height } = prepare(canvas);
  const columns = Math.floor(width / 3);
  const loudest = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0.02);
  for (let column = 0; column < columns; column += 1) {
    const from = Math.floor((column * samples.length) / columns);
    const to = Math.max(from + 1, Math.floor(((column + 1) * samples.length) / columns));
    let most = 0;
    for (let index = from; index < to; index += 1) most = Math.max(most, Math.abs(samples[index]));
    const inside = column / columns >= start && column / columns <= end;
    context.fillStyle = colour(inside ? '--accent' : '--wave');
    const tall = Math.max(2, (most / loudest) * (height - 12));
    context.fillRect(column * 3, (height - tall) / 2, 2, tall);
  }
}

/** A recording decoded by the browser: mono samples and their rate. */
export async function decodeClip(blob) {
  const context = new AudioContext();
  try {
    const buffer = await context.decodeAudioData(await blob.arrayBuffer());
    const samples = new Float32Array(buffer.length);
    for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
      buffer.getChannelData(channel).forEach((sample, index) => {
        samples[index] += sample / buffer.numberOfChannels;
      });
    }
    return { samples, rate: buffer.sampleRate };
  } finally {
    context.close();
  }
}

/** Mono samples as a WAV file, 16 bit. */
export function toWav(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, word) => [...word].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  text(0, 'RIFF');
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, 'data');
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, index) => {
    const clamped = Math.max(-1, Math.min(1, sample));
    view.setInt16(44 + 2 * index, Math.round(clamped * 32767), true);
  });
  return new Blob([view.buffer], { type: 'audio/wav' });
}
