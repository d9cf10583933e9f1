// One voice's result: the mean face, plausible faces, what the voice told, and what to do with it.

import { Problem, decode } from '/api.js';
import { notifyProblem } from '/notices.js';
import { steps } from '/steps.js';
import { told } from '/told.js';

let results = 0;

function element(tag, properties = {}, ...children) {
  const { text, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

const pngUrl = (base64) => `data:image/png;base64,${base64}`;
const svgUrl = (svg) => `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;

function framed(alt, small = false) {
  const image = element('img', { alt, width: 448, height: 448 });
  const box = element('div', { className: small ? 'picture small' : 'picture' }, image,
    element('span', { className: 'mark', text: 'synthetic' }));
  return { box, image };
}

function download(name, url) {
  const link = element('a', { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

const STYLES = [['photo', 'Photo'], ['sticker', 'Sticker'], ['line', 'Line drawing']];

/** A card with the result for one voice. */
export class Result {
  /** `name` is what the person called the recording; it never leaves the page. */
  constructor(name, answer, status) {
    results += 1;
    Object.assign(this, { id: results, name, answer, status, style: 'photo', amount: 0 });
    this.shown = { photo: answer.picture };
    this.element = element('section', { className: 'card' });
    this.element.setAttribute('aria-labelledby', `result-${this.id}`);
    this.build();
  }

  build() {
    const heading = element('h2', { id: `result-${this.id}`, tabIndex: -1,
      text: `A face for ${this.name}` });
    this.heading = heading;
    const main = framed('Mean face');
    this.image = main.image;
    this.caption = element('figcaption', { text: 'The mean of all faces that fit this voice. ' +
      'Nobody looks like this.' });
    const figure = element('figure', {}, main.box, this.caption, this.tools());
    const side = element('div', {}, element('h3', { text: 'What the voice told' }));
    const words = element('div', { className: 'told' });
    words.append(...told(this.answer.uncertainty, this.answer.has_speech));
    side.append(words, ...this.others());
    this.element.append(heading, element('div', { className: 'result' }, figure, side),
      ...this.howItWorks());
    this.show();
  }

  tools() {
    const styles = element('fieldset', { className: 'segmented' },
      element('legend', { text: 'Drawn as' }));
    for (const [value, label] of STYLES) {
      const input = element('input', { type: 'radio', name: `style-${this.id}`, value,
        checked: value === 'photo' });
      input.addEventListener('change', () => this.restyle(value));
      styles.append(element('label', {}, input, element('span', { text: label })));
    }
    this.slider = element('input', { type: 'range', min: -1, max: 2, step: 0.1, value: 0 });
    this.slider.setAttribute('aria-valuetext', '0, as predicted');
    this.slider.addEventListener('input', () => this.exaggerate());
    const label = element('label', {}, 'Exaggerate what is special', this.slider,
      element('div', { className: 'ends' }, element('span', { text: 'mean face' }),
        element('span', { text: 'as predicted', className: 'third' }),
        element('span', { text: 'caricature' })));
    const save = element('button', { type: 'button', text: 'Download picture' });
    save.addEventListener('click', () => this.download());
    const json = element('button', { type: 'button', text: 'JSON' });
    json.addEventListener('click', () => this.downloadJson());
    const row = element('div', { className: 'row' }, save, json);
    if (navigator.clipboard?.write && window.ClipboardItem) {
      const copy = element('button', { type: 'button', text: 'Copy' });
      copy.addEventListener('click', () => this.copy());
      row.append(copy);
    }
    if (navigator.canShare) {
      const share = element('button', { type: 'button', text: 'Share' });
      share.addEventListener('click', () => this.share());
      row.append(share);
    }
    return element('div', { className: 'tools' }, styles, label, row);
  }

  others() {
    const { pictures, faces } = this.answer;
    if (!pictures?.length) return [];
    const strip = element('div', { className: 'strip' });
    pictures.forEach((picture, index) => {
      const traits = faces?.[index]?.traits ?? {};
      const words = [traits.sex, traits.age_years && `${Math.round(traits.age_years)} years`];
      const about = words.filter(Boolean).join(', ');
      const { box, image } = framed(`Plausible face ${index + 1}: ${about}`, true);
      image.src = pngUrl(picture.png);
      strip.append(box);
    });
    return [element('h3', { text: 'Other faces that fit this voice equally well' }), strip];
  }

  howItWorks() {
    if (!this.answer.steps) return [];
    const list = element('div');
    const details = element('details', {}, element('summary', { text: 'How it works, with ' +
      'this voice' }), list);
    details.addEventListener('toggle', () => {
      if (details.open && !list.firstChild) list.append(steps(this.answer));
    });
    return [details];
  }

  /** The picture that is shown: PNG as base64, and SVG if it is a cartoon. */
  current() {
    const { png, cartoon } = this.shown[this.style] ?? this.shown.photo;
    return this.style === 'photo' || !cartoon ? { png } : { png: cartoon.png, svg: cartoon.svg };
  }

  show() {
    const { png, svg } = this.current();
    this.image.src = svg ? svgUrl(svg) : pngUrl(png);
    const what = { photo: 'Mean face', sticker: 'Sticker', line: 'Line drawing' }[this.style];
    this.image.alt = `${what} for ${this.name}, synthetic`;
  }

  async restyle(style) {
    this.style = style;
    await this.redraw();
  }

  exaggerate() {
    this.amount = +this.slider.value;
    const meaning = { '-1': 'the mean face', 0: 'as predicted' }[this.amount] ?? '';
    this.slider.setAttribute('aria-valuetext', [this.amount, meaning].filter(String).join(', '));
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      this.shown = this.amount === 0 ? { photo: this.answer.picture } : {};
      this.redraw();
    }, 60);
  }

  /** Asks for the picture in this style and with this exaggeration, unless it is there. */
  async redraw() {
    if (!this.shown[this.style]) {
      this.request?.abort();
      this.request = new AbortController();
      const { style, shown, request } = this;
      try {
        const options = { style, exaggerate: this.amount };
        const answer = await decode(this.answer, options, request.signal);
        shown[style] = answer.picture;
        shown.photo ??= answer.picture;
      } catch (error) {
        if (error.name !== 'AbortError') notifyProblem(error, () => this.redraw());
        return;
      }
    }
    this.show();
  }

  fileName(extension) {
    return `${this.name.replace(/\.[^.]+$/, '').replace(/[^\p{L}\p{N}]+/gu, '-')}-` +
      `synthetic.${extension}`;
  }

  download() {
    const { png, svg } = this.current();
    download(this.fileName('png'), pngUrl(png));
    if (svg) download(this.fileName('svg'), svgUrl(svg));
    this.status('The picture was saved.');
  }

  downloadJson() {
    const { picture, pictures, steps: _, ...rest } = this.answer;
    const blob = new Blob([JSON.stringify(rest)], { type: 'application/json' });
    const url = URL.createObjectURL(blob);
    download(this.fileName('json'), url);
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  toBlob() {
    const text = atob(this.current().png);
    return new Blob([Uint8Array.from(text, (c) => c.charCodeAt(0))], { type: 'image/png' });
  }

  async copy() {
    try {
      await navigator.clipboard.write([new ClipboardItem({ 'image/png': this.toBlob() })]);
      this.status('The picture was copied.');
    } catch {
      notifyProblem(new Problem({ title: 'The picture could not be copied', status: -1,
        detail: 'the browser does not allow it', hint: 'download it instead' }));
    }
  }

  async share() {
    const file = new File([this.toBlob()], this.fileName('png'), { type: 'image/png' });
    const data = { files: [file], title: 'A synthetic face',
      text: 'A plausible face for a voice: synthetic, of nobody.' };
    if (navigator.canShare(data)) await navigator.share(data).catch(() => {});
  }
}
