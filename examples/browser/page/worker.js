// Runs beside the page, which stays responsive: opens the model, then draws the face of each voice
// that it is sent. Answers { ready }, { face } or { error }, with the id of the request.

import * as ort from './ort.wasm.min.mjs';

import { Model } from './model.js';

// One thread: several need headers that not every web server sends.
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL('./', import.meta.url).href;

async function read(name) {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

const model = Model.open(ort, read);
model.then(({ description }) => postMessage({ ready: { name: description.name } }),
  (error) => postMessage({ error: `The networks cannot be loaded: ${error.message}` }));

addEventListener('message', async ({ data: { id, voice } }) => {
  try {
    const face = await (await model).reconstruct(voice);
    postMessage({ id, face }, [face.rgba.buffer]);
  } catch (error) {
    postMessage({ id, error: error.message });
  }
});
