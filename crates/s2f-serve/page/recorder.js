// Recording with MediaRecorder, then listening to it, trimming it, and sending it.

import { MicrophoneError, closeMicrophone, meter, openMicrophone } from './microphone.js';
import { decodeClip, drawClip, toWav } from './wave.js';

/** Containers that browsers write and the server reads, the best first. */
const TYPES = ['audio/webm;codecs=opus', 'audio/mp4', 'audio/ogg;codecs=opus'];
/** Below this level (see `meter`) all the time, a recording is silent. */
const SILENT = 0.12;
const MOST_SECONDS = 120;

/** A recording in progress. */
export class Recording {
  /** Begins; `level` is called with 0 to 1, `ended` with the name of a notice or null. */
  static async begin({ level, ended }) {
    const recording = new Recording();
    recording.stream = await openMicrophone(() => recording.stop('lost'));
    const type = TYPES.find((candidate) => MediaRecorder.isTypeSupported(candidate));
    const media = new MediaRecorder(recording.stream, type ? { mimeType: type } : {});
    const parts = [];
    recording.loudest = 0;
    recording.meter = meter(recording.stream, (now) => {
      recording.loudest = Math.max(recording.loudest, now);
      level(now);
    });
    media.addEventListener('dataavailable', (event) => event.data.size && parts.push(event.data));
    media.addEventListener('stop', () => {
      recording.release();
      const blob = new Blob(parts, { type: media.mimeType });
      ended({ blob, reason: recording.reason, silent: recording.loudest < SILENT });
    });
    recording.media = media;
    recording.hide = () => document.hidden && recording.stop('hidden');
    document.addEventListener('visibilitychange', recording.hide);
    recording.limit = setTimeout(() => recording.stop(null), 1000 * MOST_SECONDS);
    media.start(1000);
    return recording;
  }

  /** Ends, for a reason that has a notice, or null. */
  stop(reason = null) {
    if (this.media.state === 'inactive') return;
    this.reason = reason;
    this.media.stop();
  }

  release() {
    clearTimeout(this.limit);
    document.removeEventListener('visibilitychange', this.hide);
    this.meter.stop();
    closeMicrophone(this.stream);
  }
}

export { MicrophoneError };

/** The part of the page where a recording is trimmed. */
export class Review {
  constructor({ box, canvas, start, end, play }) {
    Object.assign(this, { box, canvas, start, end, play });
    for (const input of [start, end]) input.addEventListener('input', () => this.trimmed());
    play.addEventListener('click', () => this.toggle());
    new ResizeObserver(() => this.clip && this.redraw()).observe(canvas);
  }

  /** Shows a recording; returns its length in seconds, or null if the browser cannot read it. */
  async open(blob) {
    this.blob = blob;
    this.clip = await decodeClip(blob).catch(() => null);
    this.start.value = 0;
    this.end.value = 1000;
    this.box.hidden = false;
    this.trimmed();
    return this.clip && this.clip.samples.length / this.clip.rate;
  }

  close() {
    this.halt();
    this.box.hidden = true;
  }

  range() {
    return [this.start.value / 1000, this.end.value / 1000];
  }

  trimmed() {
    const gap = 30;
    if (+this.start.value > +this.end.value - gap) {
      if (document.activeElement === this.start) this.start.value = +this.end.value - gap;
      else this.end.value = +this.start.value + gap;
    }
    if (!this.clip) return;
    const seconds = this.clip.samples.length / this.clip.rate;
    for (const input of [this.start, this.end]) {
      const at = ((input.value / 1000) * seconds).toFixed(1);
      input.setAttribute('aria-valuetext', `${at} seconds`);
    }
    this.redraw();
  }

  redraw() {
    drawClip(this.canvas, this.clip.samples, ...this.range());
  }

  /** The recording to send: the original if it is not trimmed. */
  result() {
    const [start, end] = this.range();
    if (!this.clip || (start === 0 && end === 1)) return this.blob;
    const { samples, rate } = this.clip;
    const part = samples.subarray(start * samples.length, end * samples.length);
    return toWav(part, rate);
  }

  toggle() {
    if (this.audio) return this.halt();
    this.audio = new Audio(URL.createObjectURL(this.result()));
    this.audio.addEventListener('ended', () => this.halt());
    this.play.textContent = 'Stop playing';
    return this.audio.play().catch(() => this.halt());
  }

  halt() {
    if (!this.audio) return;
    this.audio.pause();
    URL.revokeObjectURL(this.audio.src);
    this.audio = null;
    this.play.textContent = 'Play';
  }
}
