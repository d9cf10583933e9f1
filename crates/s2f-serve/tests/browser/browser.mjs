// A browser with or without a microphone, and what every test checks.

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { S2F_NODE_MODULES: modules, S2F_CHROMIUM: program, S2F_SCREENSHOTS: pictures } = process.env;
const require = createRequire(join(modules, 'package.json'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core'), 'utf8');
if (pictures) mkdirSync(pictures, { recursive: true });

export function check(condition, message) {
  if (!condition) throw new Error(message);
}

/** Starts a browser; `microphone` is a WAV file, `none`, or `denied`. */
export async function start(microphone) {
  const args = ['--no-sandbox', '--host-resolver-rules=MAP face.test 127.0.0.1'];
  if (microphone !== 'none') args.push('--use-fake-device-for-media-stream');
  if (microphone !== 'none' && microphone !== 'denied') {
    args.push('--use-fake-ui-for-media-stream', `--use-file-for-fake-audio-capture=${microphone}`);
  }
  return chromium.launch({ executablePath: program, args });
}

/** Opens the page; requests that leave the server, and errors of the page, are collected. */
export async function open(browser, address, options = {}) {
  const { path = '/', before, ...rest } = options;
  const context = await browser.newContext({ viewport: { width: 1180, height: 900 }, ...rest });
  if (before) await context.addInitScript(before);
  const page = await context.newPage();
  page.outside = [];
  page.errors = [];
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(address) && !/^(data|blob):/.test(url)) page.outside.push(url);
  });
  page.on('pageerror', (error) => page.errors.push(error.message));
  page.on('console', (message) => {
    // Refused requests are part of some tests, and so is an address without https.
    const text = message.text();
    const expected = /Failed to load|Cross-Origin-Opener-Policy header has been ignored/;
    if (message.type() === 'error' && !expected.test(text)) page.errors.push(text);
  });
  await page.goto(address + path);
  await page.waitForLoadState('networkidle');
  return page;
}

/** Checks what holds in every state, and takes a picture of it. */
export async function inspect(page, name) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const described = serious.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(' ')}`);
  check(serious.length === 0, `axe, ${name}: ${described.join('\n')}`);
  check(page.outside.length === 0, `requests leave the server: ${page.outside.join(' ')}`);
  check(page.errors.length === 0, `errors of the page: ${page.errors.join('\n')}`);
  // A phone would shrink the page to show all of it, so its own width says nothing.
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  check(wide <= page.viewportSize().width, `${name}: the page is ${wide} pixels wide`);
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}
