// A face while one speaks: samples go to the server over a WebSocket, estimates come back.

import { Problem, live } from '/api.js';
import { closeMicrophone, meter, openMicrophone } from '/microphone.js';

const FACES = 4;

/** A live session. */
export class LiveSession {
  /**
   * Begins. `level` is called with 0 to 1, `estimate` with what the server sends and the addresses
   * of its pictures, `ended` with a problem, the name of a notice, or null.
   */
  static async begin({ level, estimate, ended }) {
    const session = new LiveSession();
    Object.assign(session, { ended, estimate, urls: [], over: false });
    session.stream = await openMicrophone(() => session.finish('lost'));
    session.meter = meter(session.stream, level);
    const { context } = session.meter;
    try {
      await context.audioWorklet.addModule('/capture.js');
    } catch {
      session.release();
      throw new Problem({ title: 'The browser cannot record live', detail: 'it has no audio ' +
        'worklets', hint: 'update the browser, or record first and draw then' });
    }
    session.connect(context);
    session.hide = () => document.hidden && session.finish('hidden');
    document.addEventListener('visibilitychange', session.hide);
    return session;
  }

  connect(context) {
    const node = new AudioWorkletNode(context, 'capture', { numberOfOutputs: 0 });
    context.createMediaStreamSource(this.stream).connect(node);
    const socket = live({ faces: FACES, seed: 1 });
    this.socket = socket;
    this.sent = 0;
    node.port.onmessage = ({ data }) => {
      if (socket.readyState !== WebSocket.OPEN || this.over) return;
      socket.send(data);
      this.sent += data.byteLength / 32000;
      (this.times ??= []).push([this.sent, performance.now()]);
    };
    let current = null;
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) {
        const png = URL.createObjectURL(new Blob([data], { type: 'image/png' }));
        this.pictures.push(png);
        if (this.pictures.length === current.pictures) this.show(current);
        return;
      }
      const message = JSON.parse(data);
      if (message.type === 'estimate') {
        current = message;
        this.pictures = [];
      } else {
        this.close(message.type === 'problem' ? new Problem(message.problem) : null);
      }
    };
    socket.onclose = (event) => this.close(event.wasClean ? null : new Problem({
      title: 'The live session ended', status: 0, detail: 'the server closed the connection',
      hint: 'check the token and that the server runs, then try again',
    }));
  }

  /** Shows an estimate, and measures how old its newest sample is. */
  show(estimate) {
    const sent = (this.times ?? []).filter(([seconds]) => seconds <= estimate.seconds + 1e-6);
    const latency = sent.length ? performance.now() - sent[sent.length - 1][1] : null;
    this.estimate({ ...estimate, latency }, this.pictures);
    this.urls.forEach((url) => URL.revokeObjectURL(url));
    this.urls = this.pictures;
  }

  /** Asks for a last estimate and ends. */
  finish(reason = null) {
    if (this.over) return;
    this.over = true;
    this.reason = reason;
    this.release();
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send('end');
    else this.close(null);
  }

  close(problem) {
    this.over = true;
    this.release();
    this.ended?.(problem ?? this.reason ?? null);
    this.ended = null;
  }

  release() {
    if (this.released) return;
    this.released = true;
    document.removeEventListener('visibilitychange', this.hide);
    this.meter.stop();
    closeMicrophone(this.stream);
  }
}
