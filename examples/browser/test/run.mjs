// Opens `dist` in Chromium and compares its faces with those of the program. Prints a line for each
// test that passed, and measurements.
//
// S2F_PROGRAM, S2F_CHROMIUM and S2F_NODE_MODULES say where the program, the browser and what drives
// it are; S2F_SCREENSHOTS=FOLDER keeps a picture of every state. It needs ffmpeg.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import {
  check, inspect, open, start,
} from '../../../crates/s2f-serve/tests/browser/browser.mjs';
import { serve } from './server.mjs';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const voices = fileURLToPath(new URL('../../voices', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'speech2face-'));
const file = (name) => join(temporary, name);
/** The largest sizes and differences. */
const MAX_MB = 25;
const MAX_DIFFERENCE = 2; // of 255, for each colour of each pixel, on average
const MAX_SECONDS = 3;
// The goal holds on a machine that has two cores for this.
const busy = () => loadavg()[0] > cpus().length;

function ffmpeg(...args) {
  execFileSync('ffmpeg', ['-v', 'error', '-y', ...args]);
}

/** The picture that the program draws. */
function drawn(recording) {
  const output = file('program.png');
  execFileSync(process.env.S2F_PROGRAM, ['reconstruct', '-q', recording, '-o', output]);
  return readFileSync(output).toString('base64');
}

async function ready(page) {
  await page.locator('body[data-ready]').waitFor({ timeout: 60_000 });
}

/** Waits for the face of a recording; returns how long it took, s. */
async function face(page, title) {
  await page.getByRole('heading', { name: `A face for ${title}`, exact: true }).waitFor({
    timeout: 60_000,
  });
  const took = await page.locator('#took').innerText();
  return +/in ([\d.]+) s/.exec(took)[1];
}

/** The mean difference of two pictures, 0 to 255, over the whole face or the part above the mark.
 * A picture is a PNG file in base 64, or the recording whose face this page is to draw. */
async function difference(page, { png, other, recording, share = 1 }) {
  return page.evaluate(async ({ png, other, recording, share }) => {
    const side = 224;
    const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const pixels = async (text) => {
      const bitmap = await createImageBitmap(new Blob([bytes(text)]));
      const context = new OffscreenCanvas(side, side).getContext('2d');
      context.imageSmoothingQuality = 'high';
      context.drawImage(bitmap, 0, 0, side, side);
      return context.getImageData(0, 0, side, side).data;
    };
    const reconstructed = async (text) => {
      const { decode } = await import('./audio.js');
      const worker = new Worker('./worker.js', { type: 'module' });
      const voice = await decode(new Blob([bytes(text)]));
      return new Promise((resolve, reject) => {
        worker.addEventListener('message', ({ data }) => {
          if (data.error) reject(new Error(data.error));
          if (data.face) resolve(data.face.rgba);
          if (data.face) worker.terminate();
        });
        worker.postMessage({ id: 1, voice });
      });
    };
    const expected = await pixels(png);
    const found = recording ? await reconstructed(recording) : await pixels(other);
    const count = 4 * side * Math.round(share * side);
    let sum = 0;
    for (let n = 0; n < count; n += 1) sum += Math.abs(found[n] - expected[n]);
    return sum / (0.75 * count); // alpha is equal
  }, { png, other, recording, share });
}

const tests = {
  async size() {
    const files = readdirSync(dist, { recursive: true }).map((name) => statSync(join(dist, name)));
    const mb = files.filter((entry) => entry.isFile()).reduce((sum, { size }) => sum + size, 0) / 1e6;
    console.log(`measured: ${mb.toFixed(1)} MB in all`);
    check(mb <= MAX_MB, `${mb} MB`);
  },

  async equal(browser, { address }) {
    const page = await open(browser, address);
    const low = join(voices, 'low.flac');
    ffmpeg('-i', low, '-ar', '48000', '-ac', '2', file('48k.wav'));
    ffmpeg('-i', join(voices, 'high.flac'), '-t', '2.5', '-ar', '44100', file('short.mp3'));
    ffmpeg('-stream_loop', '11', '-i', low, '-af', 'volume=0.01', file('quiet.flac'));
    const long = ['-i', low, '-f', 'lavfi', '-i', 'anullsrc=r=16000:cl=mono:d=20', '-i',
      join(voices, 'high.flac'), '-filter_complex', '[0][1][2]concat=n=3:v=0:a=1'];
    ffmpeg(...long, file('pause.flac'));
    const recordings = [low, join(voices, 'high.flac'), file('48k.wav'), file('short.mp3'),
      file('quiet.flac'), file('pause.flac')];
    const pictures = new Set();
    for (const path of recordings) {
      const png = drawn(path);
      pictures.add(png);
      const recording = readFileSync(path).toString('base64');
      const mean = await difference(page, { png, recording });
      console.log(`measured: ${path.split('/').at(-1)}: ${mean.toFixed(4)} of 255`);
      check(mean <= MAX_DIFFERENCE, `${path} differs by ${mean}`);
    }
    // What is compared are six faces, not one.
    check(pictures.size === recordings.length, `${pictures.size} different faces`);
    const [a, b] = [drawn(low), drawn(join(voices, 'high.flac'))];
    const apart = await difference(page, { png: a, other: b });
    check(apart > 5 * MAX_DIFFERENCE, `the two examples differ by ${apart} only`);
  },

  async offline(browser, server) {
    const page = await open(browser, server.address);
    const methods = new Set();
    page.on('request', (request) => methods.add(request.method()));
    await ready(page);
    await inspect(page, 'start');
    const before = server.requests.length;
    await page.context().setOffline(true);
    await page.getByRole('button', { name: 'a low voice' }).click();
    const seconds = await face(page, 'a low voice');
    console.log(`measured: first face in ${seconds} s`);
    check(seconds <= (busy() ? 5 : 1) * MAX_SECONDS, `${seconds} s for the first face`);
    await inspect(page, 'result');
    await page.locator('#choose').setInputFiles(join(voices, 'high.flac'));
    await face(page, 'high.flac');
    await page.getByRole('button', { name: 'Record', exact: true }).click();
    await page.waitForTimeout(4000);
    await inspect(page, 'recording');
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await face(page, 'your voice');
    await inspect(page, 'recorded');
    check(server.requests.length === before, `${server.requests.slice(before)} were requested`);
    check(server.requests.every((line) => line.startsWith('GET ')), 'something was sent');
    check([...methods].every((method) => method === 'GET'), `${[...methods]}`);
  },

  async marked(browser, { address }) {
    const page = await open(browser, address);
    await ready(page);
    await page.getByRole('button', { name: 'a high voice' }).click();
    await face(page, 'a high voice');
    await page.getByText('This face is synthetic: it shows nobody.').waitFor();
    const saving = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Save the picture' }).click();
    const download = await saving;
    check(/synthetic\.png$/.test(download.suggestedFilename()), 'the name of the file');
    const saved = readFileSync(await download.path());
    for (const mark of ['trainedAlgorithmicMedia', 'Synthetic image.']) {
      check(saved.includes(mark), `the saved file does not say ${mark}`);
    }
    // ffmpeg checks the sums of all chunks.
    writeFileSync(file('saved.png'), saved);
    ffmpeg('-xerror', '-i', file('saved.png'), '-f', 'null', '-');
    const png = drawn(join(voices, 'high.flac'));
    const other = saved.toString('base64');
    // Enlarged and reduced again: a little softer.
    const above = await difference(page, { png, other, share: 0.9 });
    check(above <= 2 * MAX_DIFFERENCE, `the shown face differs by ${above}`);
    const whole = await difference(page, { png, other });
    check(whole > above + 1, `the mark changes ${above} to ${whole}`);
  },

  async phone(browser, { address }) {
    const viewport = { width: 375, height: 740 };
    const page = await open(browser, address, { viewport, colorScheme: 'dark', hasTouch: true,
      isMobile: true, deviceScaleFactor: 2 });
    await ready(page);
    await inspect(page, 'phone-start');
    await page.getByRole('button', { name: 'a low voice' }).click();
    await face(page, 'a low voice');
    await inspect(page, 'phone-result');
  },

  async refused(browser, { address }) {
    const page = await open(browser, address, { colorScheme: 'dark' });
    await ready(page);
    const choose = (name) => page.locator('#choose').setInputFiles(file(name));
    const notice = page.getByRole('alert');
    writeFileSync(file('broken.mp3'), 'this is no sound');
    await choose('broken.mp3');
    await notice.filter({ hasText: 'cannot read this file' }).waitFor();
    await inspect(page, 'refused');
    ffmpeg('-f', 'lavfi', '-i', 'anullsrc=r=16000', '-t', '3', file('silent.wav'));
    await choose('silent.wav');
    await notice.filter({ hasText: 'is silent' }).waitFor();
    ffmpeg('-f', 'lavfi', '-i', 'sine=r=16000', '-t', '0.9', file('blip.wav'));
    await choose('blip.wav');
    await notice.filter({ hasText: 'shorter than a second' }).waitFor();
    ffmpeg('-f', 'lavfi', '-i', 'sine=r=16000', '-t', '3', file('tone.wav'));
    await choose('tone.wav');
    await face(page, 'tone.wav');
    await page.getByText('No speech was found').waitFor();
    check(await notice.isHidden(), 'the notice stays');
  },
};

const wanted = process.argv.slice(2);
let failures = 0;
ffmpeg('-i', join(voices, 'low.flac'), '-ar', '48000', file('microphone.wav'));
const browser = await start(file('microphone.wav'));
const server = await serve(dist);
for (const [name, test] of Object.entries(tests)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const begin = Date.now();
  try {
    await test(browser, server);
    console.log(`passed: ${name}, ${((Date.now() - begin) / 1000).toFixed(1)} s`);
  } catch (error) {
    failures += 1;
    console.log(`failed: ${name}: ${error.message}`);
  }
  await Promise.all(browser.contexts().map((context) => context.close()));
}
await browser.close();
server.close();
rmSync(temporary, { recursive: true });
process.exit(failures > 0 ? 1 : 0);
