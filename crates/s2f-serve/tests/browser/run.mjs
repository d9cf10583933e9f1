// Drives the page as a person would. Prints a line for each test that passed, and measurements.
//
// S2F_URL, S2F_TOKEN_URL and S2F_KEEP_URL name servers, the second with a token, the third for a
// study; S2F_VOICE, S2F_SILENCE and S2F_BROKEN name files.

import { cpus, loadavg } from 'node:os';

import { check, inspect, open, start } from './browser.mjs';

const { S2F_URL: url, S2F_TOKEN_URL: tokenUrl, S2F_KEEP_URL: keepUrl,
  S2F_VOICE: voice, S2F_SILENCE: silence, S2F_BROKEN: broken } = process.env;

async function heading(page, text) {
  await page.getByRole('heading', { name: text, exact: true }).waitFor({ timeout: 60_000 });
}

async function drawn(page) {
  const image = page.locator('#results figure img').first();
  await image.waitFor({ timeout: 60_000 });
  await page.waitForFunction((node) => node.naturalWidth > 0, await image.elementHandle());
  return image;
}

/** Takes a picture of the result of an example voice. */
async function example(page, name) {
  await page.getByRole('button', { name }).click();
  await heading(page, `A face for ${name}`);
  return drawn(page);
}

const tests = {
  async record(browser) {
    const page = await open(browser, url);
    await inspect(page, 'start');
    await page.getByRole('button', { name: 'Record', exact: true }).click();
    await page.waitForTimeout(5000);
    await inspect(page, 'recording');
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await page.getByRole('button', { name: 'Draw the face' }).waitFor();
    await inspect(page, 'review');
    await page.getByLabel('Start').fill('200');
    await page.getByRole('button', { name: 'Draw the face' }).click();
    await heading(page, 'A face for your voice');
    await drawn(page);
    const faces = await page.locator('#results .strip img').count();
    check(faces === 6, `${faces} plausible faces`);
    check(await page.getByText('synthetic', { exact: true }).count() >= 7, 'pictures are marked');
    await inspect(page, 'result');
  },

  async live(browser) {
    const page = await open(browser, url);
    await page.getByText('Draw while I speak').click();
    await page.getByRole('button', { name: 'Record', exact: true }).click();
    const estimates = () => page.evaluate(() => +(document.getElementById('live').dataset
      .estimates ?? 0));
    const known = async () => {
      const note = await page.locator('#live-told .note').innerText();
      return +/told (\d+) %/.exec(note)[1];
    };
    const latencies = [];
    const seen = new Set();
    let first = null;
    for (let last = 0; last < 10;) {
      await page.waitForFunction((count) => +(document.getElementById('live').dataset.estimates ??
        0) > count, last, { timeout: 30_000 });
      last = await estimates();
      first ??= await known();
      latencies.push(await page.evaluate(() => +document.getElementById('live').dataset.latency));
      seen.add(await page.evaluate(() => document.getElementById('live-face').src));
      if (last === 2) await inspect(page, 'live-early');
    }
    const end = await known();
    await inspect(page, 'live');
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await heading(page, 'A face for your voice');
    await drawn(page);
    check(seen.size >= 5, `the face changed ${seen.size} times`);
    check(end > first, `the voice did not tell more: ${first} % to ${end} %`);
    latencies.sort((a, b) => a - b);
    const median = latencies[Math.floor(latencies.length / 2)];
    console.log(`measured: sound to picture, median ${median} ms of ${latencies.join(' ')}`);
    // The goal holds on a machine that has its two cores for this; another one has a wide bound.
    const busy = loadavg()[0] > cpus().length;
    check(median >= 0 && median <= (busy ? 2000 : 300), `${median} ms from sound to picture`);
  },

  async files(browser) {
    const page = await open(browser, url);
    await page.locator('#choose').setInputFiles([voice, broken, voice]);
    await page.getByText('Drawn', { exact: true }).nth(1).waitFor({ timeout: 60_000 });
    const bad = await page.locator('#files .bad').innerText();
    check(/not an audio file/i.test(bad) && /renaming/.test(bad), bad);
    await inspect(page, 'files');
  },

  async examples(browser) {
    const page = await open(browser, url);
    const image = await example(page, 'a low voice');
    await page.getByText('How it works, with this voice').click();
    await page.locator('.steps li').nth(5).waitFor();
    check(await page.locator('.steps li').count() === 6, 'six steps');
    await inspect(page, 'steps');
    const before = await image.getAttribute('src');
    await page.getByLabel('Exaggerate what is special').fill('1.5');
    await page.waitForFunction((src) => document.querySelector('#results figure img').src !== src,
      before);
    await page.getByText('Sticker', { exact: true }).click();
    await page.waitForFunction(() => document.querySelector('#results figure img').src
      .startsWith('data:image/svg'));
    await inspect(page, 'sticker');
    const saving = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download picture' }).click();
    check(/synthetic\.(png|svg)$/.test((await saving).suggestedFilename()), 'the name of the file');
    await example(page, 'a high voice');
    await page.getByText('Line drawing', { exact: true }).first().click();
    await page.waitForFunction(() => document.querySelector('#results figure img').src
      .startsWith('data:image/svg'));
    check(await page.locator('.compare > .card').count() === 2, 'two voices side by side');
    await inspect(page, 'compare');
  },

  async keyboard(browser) {
    const page = await open(browser, url, { reducedMotion: 'reduce' });
    await page.keyboard.press('Tab');
    check(await page.evaluate(() => document.activeElement.className) === 'skip', 'the skip link');
    for (let press = 0; press < 4; press += 1) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(() => document.activeElement.id) === 'record') break;
    }
    const focused = await page.evaluate(() => document.activeElement.id);
    check(focused === 'record', `Tab finds ${focused}`);
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Stop', exact: true }).waitFor();
    await page.waitForTimeout(2500);
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Draw the face' }).waitFor();
    await page.waitForFunction(() => document.activeElement.id === 'draw');
    await page.keyboard.press('Enter');
    await heading(page, 'A face for your voice');
    await page.waitForFunction(() => document.activeElement.tagName === 'H2');
    const said = await page.locator('#status').innerText();
    check(said.startsWith('The face for your voice is drawn.'), said);
  },

  async phone(browser) {
    const viewport = { width: 375, height: 740 };
    const page = await open(browser, url, { viewport, colorScheme: 'dark', hasTouch: true,
      isMobile: true, deviceScaleFactor: 2 });
    await inspect(page, 'phone-start');
    await example(page, 'a high voice');
    await inspect(page, 'phone-result');
  },

  async dark(browser) {
    const page = await open(browser, url, { colorScheme: 'dark' });
    await example(page, 'a low voice');
    await page.getByText('How it works, with this voice').click();
    await page.locator('.steps li').nth(5).waitFor();
    await inspect(page, 'dark');
  },

  async zoomed(browser) {
    // 200 % zoom of a window of 1180 pixels.
    const page = await open(browser, url, { viewport: { width: 590, height: 450 } });
    await example(page, 'a low voice');
    await inspect(page, 'zoomed');
  },

  async hidden(browser) {
    const page = await open(browser, url);
    await page.getByRole('button', { name: 'Record', exact: true }).click();
    await page.waitForTimeout(2500);
    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { value: true });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await heading(page, 'Stopped, since the page was hidden');
    await inspect(page, 'hidden');
  },

  async lost(browser) {
    const before = () => {
      const { mediaDevices } = navigator;
      const original = mediaDevices.getUserMedia.bind(mediaDevices);
      mediaDevices.getUserMedia = async (wanted) => {
        window.stream = await original(wanted);
        return window.stream;
      };
    };
    const page = await open(browser, url, { before });
    await page.getByRole('button', { name: 'Record', exact: true }).click();
    await page.waitForTimeout(2500);
    await page.evaluate(() => window.stream.getTracks()[0].dispatchEvent(new Event('ended')));
    await heading(page, 'The microphone was disconnected');
    await page.getByRole('button', { name: 'Draw the face' }).waitFor();
    await inspect(page, 'lost');
  },

  async unreachable(browser) {
    const page = await open(browser, url);
    await page.route('**/v1/reconstruct*', (route) => route.abort());
    await page.getByRole('button', { name: 'a low voice' }).click();
    await heading(page, 'The server cannot be reached');
    await inspect(page, 'unreachable');
  },

  async insecure(browser) {
    const address = url.replace(/\/\/[^:]+/, '//face.test');
    const page = await open(browser, address);
    await heading(page, 'The browser keeps the microphone closed here');
    check(await page.locator('#record').isDisabled(), 'recording is off');
    await inspect(page, 'insecure');
    await example(page, 'a low voice');
  },

  async token(browser) {
    const page = await open(browser, tokenUrl);
    await heading(page, 'This server needs a token');
    await inspect(page, 'token');
    await page.getByLabel('Token').fill('wrong');
    await page.getByRole('button', { name: 'Use it' }).click();
    await page.getByLabel('Token').fill('secret');
    await page.getByRole('button', { name: 'Use it' }).click();
    await page.getByText('model compact').waitFor();
    await example(page, 'a low voice');
    const linked = await open(browser, tokenUrl, { path: '/#token=secret' });
    await linked.getByText('model compact').waitFor();
    check(!linked.url().includes('secret'), 'the token stays in the address');
  },

  async kept(browser) {
    const plain = await open(browser, url);
    await plain.getByText('used once and not stored').waitFor();
    check(await plain.locator('#kept').isHidden(), 'nothing is said to be stored');
    const page = await open(browser, keepUrl);
    await page.getByText('stores every recording').waitFor();
    await page.getByText('stored there for a study').waitFor();
    await inspect(page, 'kept');
    await example(page, 'a low voice');
  },

  async docs(browser) {
    const page = await open(browser, url, { path: '/docs' });
    await page.getByRole('heading', { name: 'POST /v1/reconstruct' }).waitFor();
    await inspect(page, 'docs');
  },
};

/** Tests that need another microphone. */
const others = [
  ['denied', async (browser) => {
    const page = await open(browser, url);
    await page.getByRole('button', { name: 'Record', exact: true }).click();
    await heading(page, 'The microphone is not allowed');
    await inspect(page, 'denied');
  }],
  ['none', async (browser) => {
    const page = await open(browser, url, { permissions: ['microphone'] });
    await page.getByRole('button', { name: 'Record', exact: true }).click();
    await heading(page, 'No microphone was found');
    await inspect(page, 'absent');
  }],
  [silence, async (browser) => {
    const page = await open(browser, url);
    await page.getByRole('button', { name: 'Record', exact: true }).click();
    await page.waitForTimeout(2500);
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await heading(page, 'Nothing was heard');
    await inspect(page, 'silent');
  }],
];

const wanted = process.argv.slice(2);
let failures = 0;
async function run(name, browser, test) {
  if (wanted.length > 0 && !wanted.includes(name)) return;
  const begin = Date.now();
  try {
    await test(browser);
    console.log(`passed: ${name}, ${((Date.now() - begin) / 1000).toFixed(1)} s`);
  } catch (error) {
    failures += 1;
    console.log(`failed: ${name}: ${error.message}`);
  }
  await Promise.all(browser.contexts().map((context) => context.close()));
}

const browser = await start(voice);
for (const [name, test] of Object.entries(tests)) await run(name, browser, test);
await browser.close();
for (const [microphone, test] of others) {
  const name = microphone === silence ? 'silent' : microphone;
  const other = await start(microphone);
  await run(name, other, test);
  await other.close();
}
process.exit(failures > 0 ? 1 : 0);
