// From a recording, as bytes of any format that the browser knows, to samples at 16 kHz, mono.

import { RATE_HZ } from './mel.js';

/** The mean of the channels of a recording. */
export async function decode(blob) {
  // Decoding resamples to the rate of the context.
  const context = new OfflineAudioContext(1, 1, RATE_HZ);
  const buffer = await context.decodeAudioData(await blob.arrayBuffer()).catch(() => {
    throw new Error('The browser cannot read this file as audio.');
  });
  const samples = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    buffer.getChannelData(channel).forEach((sample, index) => {
      samples[index] += sample / buffer.numberOfChannels;
    });
  }
  return samples;
}
