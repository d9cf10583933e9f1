// How it works, with the intermediate results of this very recording.

const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

function canvas(width, height, label) {
  const made = document.createElement('canvas');
  made.width = width;
  made.height = height;
  made.setAttribute('role', 'img');
  made.setAttribute('aria-label', label);
  return made;
}

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

function waveform(spans) {
  const made = canvas(480, 360, 'Waveform of the recording');
  const context = made.getContext('2d');
  const loudest = Math.max(0.02, ...spans.flat().map(Math.abs));
  context.fillStyle = style('--accent');
  spans.forEach(([low, high], index) => {
    const top = 180 - (high / loudest) * 160;
    const tall = Math.max(1.5, ((high - low) / loudest) * 160);
    context.fillRect((index * 480) / spans.length, top, 480 / spans.length - 0.4, tall);
  });
  return made;
}

/** Dark blue over red to light yellow. */
function heat(value) {
  const stops = [[22, 16, 42], [96, 28, 84], [190, 52, 66], [246, 134, 60], [253, 240, 180]];
  const place = (value / 255) * (stops.length - 1);
  const index = Math.min(stops.length - 2, Math.floor(place));
  return [0, 1, 2].map((c) => stops[index][c] + (place - index) * (stops[index + 1][c] -
    stops[index][c]));
}

function spectrogram({ input, input_frames: frames, input_bins: bins }) {
  const made = canvas(frames, bins, 'Spectrogram: time from left to right, pitch upwards');
  const context = made.getContext('2d');
  const image = context.createImageData(frames, bins);
  bytes(input).forEach((value, index) => {
    const at = 4 * ((bins - 1 - (index % bins)) * frames + Math.floor(index / bins));
    image.data.set([...heat(value), 255], at);
  });
  context.putImageData(image, 0, 0);
  return made;
}

function feature(values) {
  const columns = 24;
  const rows = Math.ceil(values.length / columns);
  const made = canvas(columns * 20, columns * 15, `${values.length} numbers`);
  const context = made.getContext('2d');
  const largest = Math.max(1e-9, ...values.slice(0, 256).map(Math.abs));
  const [width, height] = [made.width / columns, made.height / rows];
  values.forEach((value, index) => {
    const strength = Math.min(1, Math.abs(value) / largest);
    context.fillStyle = value < 0 ? style('--men') : style('--accent');
    context.globalAlpha = 0.08 + 0.92 * strength;
    const [x, y] = [index % columns, Math.floor(index / columns)];
    context.fillRect(x * width + 1, y * height + 1, width - 2, height - 2);
  });
  return made;
}

function landmarks(points, mean, side) {
  const made = canvas(480, 360, `${points.length} landmarks; lines show how they differ from ` +
    'the mean face');
  const context = made.getContext('2d');
  const scale = 360 / side;
  const at = ([x, y]) => [60 + x * scale, y * scale];
  points.forEach((point, index) => {
    // Differences are drawn three times as large, to be seen.
    const from = at(mean[index]);
    const to = at(point.map((value, axis) => mean[index][axis] + 3 * (value - mean[index][axis])));
    context.strokeStyle = style('--wave');
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    context.fillStyle = style('--accent');
    context.beginPath();
    context.arc(...to, 3.2, 0, 7);
    context.fill();
  });
  return made;
}

function picture(base64, label) {
  const box = document.createElement('div');
  box.className = 'picture small';
  const image = Object.assign(new Image(), { src: `data:image/png;base64,${base64}`, alt: label });
  const mark = Object.assign(document.createElement('span'), { className: 'mark',
    textContent: 'synthetic' });
  box.append(image, mark);
  return box;
}

/** The list of steps for a result that has them. */
export function steps({ steps: found, feature: values, landmarks: points, side, picture: face }) {
  const list = document.createElement('ol');
  list.className = 'steps';
  const add = (title, text, drawing) => {
    const item = document.createElement('li');
    item.append(drawing, Object.assign(document.createElement('h4'), { textContent: title }),
      Object.assign(document.createElement('p'), { textContent: text }));
    list.append(item);
  };
  add('Waveform', 'Your recording: air pressure over time, at 16 kHz.', waveform(found.waveform));
  add('Spectrogram', `What the first network reads: how strong each of ${found.input_bins} pitch ` +
    'bands is, every 10 ms.', spectrogram(found));
  add('Feature', `What it makes of it: ${values.length} numbers that describe a face. ` +
    'Red is above zero, green below.', feature(values));
  add('Landmarks', 'The second network turns them into a shape. Lines show how it differs from ' +
    'the mean face, three times as large.', landmarks(points, found.mean_landmarks, side));
  add('Texture', 'And into colours, painted on the mean face.',
    picture(found.texture, 'Texture in the mean shape'));
  add('Face', 'The texture, warped to the landmarks.', picture(face.png, 'The finished face'));
  return list;
}
