// Reads samples at 16 kHz as 32-bit floats, and writes their mel spectrogram likewise: for
// crates/s2f-audio/tests/it/browser_example.rs, which compares it with the program's.

import { readFileSync, writeFileSync } from 'node:fs';

import { melSpectrogram } from '../page/mel.js';

const bytes = Uint8Array.from(readFileSync(0));
writeFileSync(1, new Uint8Array(melSpectrogram(new Float32Array(bytes.buffer)).buffer));
