// The page: a recording from the microphone, a file or an example; its face.

import { decode } from './audio.js';
import { MicrophoneError, Recording } from './recorder.js';
import { markedPng } from './picture.js';
import { drawLevels } from './wave.js';
import { obstacle } from './voice.js';

const part = (id) => document.getElementById(id);

const REASONS = {
  insecure: 'Browsers allow recording on https pages and on this computer only. Files work anyway.',
  unsupported: 'This browser cannot record. Choose a file instead.',
  denied: 'The microphone is not allowed. Allow it for this page, or choose a file.',
  absent: 'No microphone was found. Plug one in, or choose a file.',
  busy: 'The microphone cannot be used. Another program may hold it.',
  lost: 'The microphone was disconnected. This is what was recorded until then.',
  hidden: 'Recording ended when the page was hidden. This is what was recorded until then.',
};

/** The networks, in a thread of their own. */
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
const waiting = new Map();
let requests = 0;

worker.addEventListener('message', ({ data }) => {
  if (data.ready) {
    part('state').textContent =
      `Model ${data.ready.name} is loaded. From now on, the page needs no network.`;
    document.body.dataset.ready = '';
  } else if (data.id === undefined) {
    part('state').textContent = data.error;
  } else {
    const { resolve, reject } = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.face) resolve(data.face);
    else reject(new Error(data.error));
  }
});

/** The face of a voice, samples at 16 kHz. */
function reconstruct(voice) {
  requests += 1;
  return new Promise((resolve, reject) => {
    waiting.set(requests, { resolve, reject });
    worker.postMessage({ id: requests, voice }, [voice.buffer]);
  });
}

function notice(message) {
  part('notice').textContent = message;
  part('notice').hidden = !message;
}

let latest = 0;

/** Shows the face of a recording, which may still be loading. */
async function show(blob, title, message = '') {
  latest += 1;
  const own = latest;
  const begin = performance.now();
  notice(message);
  part('result').hidden = true;
  part('busy').hidden = false;
  try {
    const voice = await decode(await blob);
    const problem = obstacle(voice);
    if (problem) throw new Error(problem);
    const seconds = voice.length / 16000;
    const face = await reconstruct(voice);
    const png = await markedPng(face);
    if (own !== latest) return; // another recording was chosen in the meantime
    URL.revokeObjectURL(part('face').src);
    part('face').src = URL.createObjectURL(png);
    part('face').alt = `A synthetic face for ${title}`;
    part('save').href = part('face').src;
    part('result-title').textContent = `A face for ${title}`;
    part('told').textContent = told(face.information, seconds);
    part('took').textContent =
      `Drawn in ${((performance.now() - begin) / 1000).toFixed(1)} s, by this browser.`;
    part('result').hidden = false;
    await part('face').decode();
    part('result-title').focus();
  } catch (error) {
    if (own === latest) notice(error.message);
  } finally {
    if (own === latest) part('busy').hidden = true;
  }
}

function told(information, seconds) {
  if (information === 0) return 'No speech was found, so this is a face without any voice.';
  const share = Math.round(100 * information);
  return `${seconds.toFixed(1)} s of speech tell ${share} % of what an endless clean recording ` +
    'would tell.';
}

let recording = null;
const levels = [];

async function begin() {
  notice('');
  levels.length = 0;
  try {
    recording = await Recording.begin({
      level(now) {
        levels.push(now);
        drawLevels(part('scope'), levels);
        part('record').style.setProperty('--level', now);
      },
      ended({ blob, reason }) {
        recording = null;
        pressed(false);
        show(blob, 'your voice', REASONS[reason]);
      },
    });
    pressed(true);
  } catch (error) {
    notice(error instanceof MicrophoneError ? REASONS[error.message] : error.message);
  }
}

function pressed(yes) {
  part('record').setAttribute('aria-pressed', yes);
  part('record-label').textContent = yes ? 'Stop' : 'Record';
}

part('record').addEventListener('click', () => (recording ? recording.stop() : begin()));

function choose([file]) {
  if (file) show(file, file.name);
}

part('choose').addEventListener('change', ({ target }) => {
  choose(target.files);
  target.value = ''; // so that the same file can be chosen again
});
for (const [event, over] of [['dragover', true], ['dragleave', false], ['drop', false]]) {
  part('drop').addEventListener(event, (drag) => {
    drag.preventDefault();
    part('drop').classList.toggle('over', over);
    if (event === 'drop') choose(drag.dataTransfer.files);
  });
}

// Loaded with the page, so that they need no network later.
for (const button of document.querySelectorAll('[data-example]')) {
  const voice = fetch(`./voices/${button.dataset.example}.flac`).then((answer) => answer.blob());
  button.addEventListener('click', () => show(voice, button.textContent));
}
