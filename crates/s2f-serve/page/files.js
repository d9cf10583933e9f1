// The list of recordings: dropped or chosen files, each with its progress, error or picture.

import { reconstruct } from '/api.js';

function element(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}

const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}.` : '');

/** Draws files one after the other. */
export class FileList {
  /** `drawn` is given the name and the answer of each file, `status` sentences to say aloud. */
  constructor({ list, options, drawn, status, unauthorized }) {
    Object.assign(this, { list, options, drawn, status, unauthorized, queue: [], busy: false });
  }

  add(files) {
    for (const file of files) {
      const item = element('li');
      const thumb = element('div', { className: 'thumb' });
      const name = element('span', { className: 'name', textContent: file.name });
      const state = element('span', { className: 'state', textContent: 'Waits' });
      const button = element('button', { type: 'button', textContent: 'Cancel' });
      button.setAttribute('aria-label', `Cancel ${file.name}`);
      item.append(thumb, name, button, state);
      this.list.append(item);
      const job = { file, item, thumb, state, button, abort: new AbortController() };
      button.onclick = () => this.cancel(job);
      this.queue.push(job);
    }
    this.next();
  }

  cancel(job) {
    job.abort.abort();
    this.queue = this.queue.filter((other) => other !== job);
    job.item.remove();
    this.status(`${job.file.name} was cancelled.`);
  }

  async next() {
    if (this.busy) return;
    const job = this.queue.shift();
    if (!job) return;
    this.busy = true;
    await this.draw(job);
    this.busy = false;
    this.next();
  }

  async draw(job) {
    const { file, state, abort } = job;
    const progress = element('progress');
    progress.setAttribute('aria-label', `Drawing ${file.name}`);
    state.replaceChildren(progress);
    try {
      const answer = await reconstruct(file, this.options(), abort.signal);
      this.done(job, answer);
    } catch (error) {
      if (error.name === 'AbortError') return;
      this.failed(job, error);
    }
  }

  done({ file, item, thumb, state, button }, answer) {
    const image = element('img', { className: 'thumb', alt: '',
      src: `data:image/png;base64,${answer.picture.png}` });
    thumb.replaceWith(image);
    state.textContent = 'Drawn';
    button.textContent = 'Show';
    button.setAttribute('aria-label', `Show ${file.name}`);
    button.onclick = () => this.drawn(file.name, answer);
    item.className = 'done';
    this.status(`${file.name} is drawn.`);
    this.drawn(file.name, answer);
  }

  failed(job, problem) {
    const { file, state, button } = job;
    state.className = 'state bad';
    state.textContent = `${sentence(problem.detail ?? problem.message)} ` +
      `${sentence(problem.hint)}`.trim();
    button.textContent = 'Try again';
    button.setAttribute('aria-label', `Try again: ${file.name}`);
    button.onclick = () => {
      state.className = 'state';
      state.textContent = 'Waits';
      button.textContent = 'Cancel';
      button.setAttribute('aria-label', `Cancel ${file.name}`);
      button.onclick = () => this.cancel(job);
      job.abort = new AbortController();
      this.queue.push(job);
      this.next();
    };
    this.status(`${file.name} could not be drawn: ${problem.detail ?? problem.message}.`);
    if (problem.status === 401) this.unauthorized(problem, button.onclick);
  }
}
