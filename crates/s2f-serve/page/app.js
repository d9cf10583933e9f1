// The page: what can be done when, and where results appear.

import { Problem, decode, example, models, reconstruct } from '/api.js';
import { FileList } from '/files.js';
import { LiveSession } from '/live.js';
import { MicrophoneError, obstacle } from '/microphone.js';
import { clearNotice, notify, notifyProblem } from '/notices.js';
import { Recording, Review } from '/recorder.js';
import { Result } from '/result.js';
import { told } from '/told.js';
import { drawLevels } from '/wave.js';

const at = (id) => document.getElementById(id);
const recordButton = at('record');
const status = (text) => { at('status').textContent = text; };
const mode = () => document.querySelector('input[name="mode"]:checked').value;

const FACES = 6;
let distribution = true;
const options = () => ({ steps: true, ...(distribution ? { faces: FACES } : {}) });

let active = null;
let levels = [];
let begun = 0;
let clock = null;

const review = new Review({
  box: at('review'), canvas: at('clip'), start: at('trim-start'), end: at('trim-end'),
  play: at('play'),
});

function level(now) {
  levels.push(now ** 1.5);
  recordButton.style.setProperty('--level', now.toFixed(2));
  at('level').value = now;
  drawLevels(at('scope'), levels);
}

function tick() {
  const seconds = Math.floor((performance.now() - begun) / 1000);
  at('clock').textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function running(isRunning) {
  recordButton.setAttribute('aria-pressed', isRunning);
  at('record-label').textContent = isRunning ? 'Stop' : 'Record';
  for (const input of document.querySelectorAll('input[name="mode"]')) input.disabled = isRunning;
  clearInterval(clock);
  if (isRunning) {
    levels = [];
    begun = performance.now();
    tick();
    clock = setInterval(tick, 250);
  } else {
    recordButton.style.setProperty('--level', 0);
  }
}

let starting = false;

async function start() {
  if (starting) return;
  // A button that is disabled would lose the focus of the keyboard.
  starting = true;
  clearNotice();
  review.close();
  status('Asking for the microphone.');
  try {
    const live = mode() === 'live';
    active = live
      ? await LiveSession.begin({ level, estimate, another, ended: liveEnded })
      : await Recording.begin({ level, ended: recorded });
    running(true);
    if (live) at('live').hidden = false;
    status(live ? 'Speak: the face changes while you do.' : 'Recording. Say a few sentences.');
  } catch (error) {
    failed(error, start);
  }
  starting = false;
}

function stop() {
  if (active instanceof LiveSession) active.finish();
  else active?.stop();
}

function failed(error, retry) {
  running(false);
  active = null;
  if (error instanceof MicrophoneError) notify(error.message, retry);
  else notifyProblem(error instanceof Problem ? error : new Problem({ title: error.message,
    status: -1 }), retry);
  status(at('notice').querySelector('h2')?.textContent ?? '');
}

async function recorded({ blob, reason, silent }) {
  running(false);
  active = null;
  if (reason) notify(reason, start);
  const seconds = await review.open(blob);
  if (silent) {
    review.close();
    return notify('silent', start);
  }
  if (seconds !== null && seconds < 1) {
    review.close();
    return notify('short', start);
  }
  levels = [];
  drawLevels(at('scope'), levels);
  at('draw').focus({ preventScroll: true });
  return status('Recorded. Draw the face, listen to it, or record again.');
}

let newest = null;

/** Shows a plausible face of a live session, which follows the mean face. */
function another(index, url) {
  const strip = at('live-others');
  let box = strip.children[index];
  if (!box) {
    box = Object.assign(document.createElement('div'), { className: 'picture small' });
    const mark = Object.assign(document.createElement('span'), { className: 'mark',
      textContent: 'synthetic' });
    box.append(Object.assign(new Image(), { alt: `Plausible face ${index + 1}` }), mark);
    strip.append(box);
  }
  box.firstChild.src = url;
}

/** Shows an estimate of a live session with its mean face, and measures how old it is. */
async function estimate(found, mean) {
  newest = found;
  const face = at('live-face');
  face.src = mean;
  face.alt = 'Mean face so far, synthetic';
  // The next picture may replace it meanwhile.
  const shown = face.decode().then(() => Date.now(), () => null);
  at('live-told').replaceChildren(...told(found.uncertainty, found.has_speech));
  const latency = found.recorded === null ? null : (await shown) - found.recorded;
  at('live').dataset.estimates = Number(at('live').dataset.estimates ?? 0) + 1;
  at('live').dataset.latency = Math.round(latency ?? -1);
  // Once every few seconds is enough to be told.
  if (Math.round(found.seconds * 2) % 6 === 0) {
    status(`After ${Math.round(found.seconds)} seconds: ${found.told.slice(1, 3).join('; ')}.`);
  }
}

/** What can be done with any other result can be done with the last estimate. */
async function liveEnded(reason) {
  running(false);
  active = null;
  if (typeof reason === 'string') notify(reason, start);
  else if (reason) notifyProblem(reason, start);
  if (!newest) return;
  const { feature, uncertainty, told: words, has_speech: speech } = newest;
  newest = null;
  try {
    const answer = await decode({ feature }, {});
    show('your voice', { ...answer, uncertainty, told: words, has_speech: speech });
    at('live').hidden = true;
  } catch (error) {
    failed(error);
  }
}

function show(name, answer) {
  const result = new Result(name, answer, status);
  const place = at('results');
  const last = place.querySelector('.compare') ?? place;
  if (place.children.length === 0) {
    place.append(result.element);
  } else {
    // The last two voices stand side by side.
    const previous = last === place ? place.firstChild : last.firstChild;
    const pair = Object.assign(document.createElement('div'), { className: 'compare' });
    pair.append(result.element, previous);
    place.replaceChildren(pair);
  }
  result.heading.focus({ preventScroll: true });
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  result.element.scrollIntoView({ behavior: still ? 'auto' : 'smooth', block: 'start' });
  const words = answer.told?.slice(1, 3).join('; ');
  status(`The face for ${name} is drawn. ${words ?? ''}`);
}

/** Draws one recording, with a place that says so meanwhile. */
async function draw(name, blob) {
  clearNotice();
  const busy = Object.assign(document.createElement('div'), { className: 'card busy' });
  busy.append(document.createElement('i'), `Drawing the face for ${name} …`);
  at('results').prepend(busy);
  status(`Drawing the face for ${name}.`);
  try {
    const answer = await reconstruct(blob, options());
    busy.remove();
    show(name, answer);
  } catch (error) {
    busy.remove();
    failed(error, () => draw(name, blob));
  }
}

const files = new FileList({
  list: at('files'), options, drawn: show, status, unauthorized: notifyProblem,
});

recordButton.addEventListener('click', () => (active ? stop() : start()));
at('again').addEventListener('click', start);
at('draw').addEventListener('click', () => {
  review.halt();
  draw('your voice', review.result());
});
at('choose').addEventListener('change', ({ target }) => {
  files.add(target.files);
  target.value = '';
});
for (const button of document.querySelectorAll('[data-example]')) {
  button.addEventListener('click', async () => {
    try {
      await draw(button.textContent, await example(button.dataset.example));
    } catch (error) {
      failed(error);
    }
  });
}

const drop = at('drop');
addEventListener('dragover', (event) => {
  event.preventDefault();
  drop.classList.add('over');
});
addEventListener('dragleave', (event) => event.relatedTarget ?? drop.classList.remove('over'));
addEventListener('drop', (event) => {
  event.preventDefault();
  drop.classList.remove('over');
  files.add(event.dataTransfer.files);
});

drawLevels(at('scope'), levels);
addEventListener('resize', () => drawLevels(at('scope'), levels));
const hindered = obstacle();
if (hindered) {
  notify(hindered);
  recordButton.disabled = true;
}
async function greet() {
  try {
    const { models: [model], software, keeps_recordings: kept } = await models();
    at('kept').hidden = !kept;
    at('storage').textContent = 'Recordings are sent to the server that this page came from' +
      `${kept ? ' and stored there for a study.' : ', used once and not stored.'}`;
    distribution = model.distribution;
    at('model').textContent = `${software}, model ${model.name}`;
    for (const input of document.querySelectorAll('input[value="live"]')) {
      input.disabled = !distribution;
    }
  } catch (error) {
    notifyProblem(error, greet);
  }
}
greet();
