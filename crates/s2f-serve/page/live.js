// A face while one speaks: samples go to the server over a WebSocket, estimates come back.

import { Problem, live } from '/api.js';
import { closeMicrophone, meter, openMicrophone } from '/microphone.js';

const FACES = 4;

/** A live session. */
export class LiveSession {
  /**
   * Begins. `level` is called with 0 to 1, `estimate` with what the server sends, when its newest
   * sample was recorded, and the address of the mean face, `another` with the number and address of
   * each face that follows, `ended` with a problem, the name of a notice, or null.
   */
  static async begin({ level, estimate, another, ended }) {
    const session = new LiveSession();
    Object.assign(session, { ended, estimate, another, urls: [], over: false });
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
    this.times = [];
    node.port.onmessage = ({ data: { samples, time } }) => {
      if (socket.readyState !== WebSocket.OPEN || this.over) return;
      socket.send(samples);
      this.sent += samples.byteLength / 32000;
      this.times.push([this.sent, time]);
    };
    let current = null;
    let pictures = 0;
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) {
        const url = URL.createObjectURL(new Blob([data], { type: 'image/png' }));
        this.replace(pictures, url);
        if (pictures === 0) this.estimate({ ...current, recorded: this.recorded(current) }, url);
        else this.another(pictures - 1, url);
        pictures += 1;
        return;
      }
      const message = JSON.parse(data);
      if (message.type === 'estimate') {
        current = message;
        pictures = 0;
      } else {
        this.close(message.type === 'problem' ? new Problem(message.problem) : null);
      }
    };
    socket.onclose = (event) => this.close(event.wasClean ? null : new Problem({
      title: 'The live session ended', status: 0, detail: 'the server closed the connection',
      hint: 'check the token and that the server runs, then try again',
    }));
  }

  /** When the newest sample of an estimate was recorded. */
  recorded({ seconds }) {
    const sent = this.times.filter(([end]) => end <= seconds + 1e-6);
    return sent.length ? sent[sent.length - 1][1] : null;
  }

  /** Remembers the address of a picture, and forgets that of an old one, which is gone by now. */
  replace(place, url) {
    this.urls.unshift([place, url]);
    const old = this.urls.filter(([other]) => other === place).slice(2);
    old.forEach(([, address]) => URL.revokeObjectURL(address));
    this.urls = this.urls.filter((entry) => !old.includes(entry));
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
