// What can go wrong, each drawn with an icon, a reason and a way on.

import { setToken } from '/api.js';

const ICONS = {
  lock: '<rect x="10" y="21" width="28" height="20" rx="4"/>' +
    '<path d="M16 21v-6a8 8 0 0 1 16 0v6M24 29v5"/>',
  denied: '<rect x="19" y="7" width="10" height="20" rx="5"/>' +
    '<path d="M12 22v2a12 12 0 0 0 20 9M36 24v-2M24 36v6M7 7l34 34"/>',
  none: '<rect x="19" y="7" width="10" height="20" rx="5" stroke-dasharray="4 4"/>' +
    '<path d="M12 22v2a12 12 0 0 0 24 0v-2M24 36v6M17 42h14"/>',
  plug: '<path d="M18 6v10M30 6v10M12 16h24v6a12 12 0 0 1-24 0zM24 34v8"/>',
  quiet: '<path d="M6 24h6l2-2 4 4 3-3 3 2 3-2 3 3 4-4 2 2h6"/><path d="M8 38h32" opacity=".4"/>',
  eye: '<path d="M5 24s7-12 19-12 19 12 19 12-7 12-19 12S5 24 5 24z"/><path d="M8 40 40 8"/>',
  cloud: '<path d="M14 36a8 8 0 0 1 0-16 11 11 0 0 1 21 2 7 7 0 0 1 0 14M24 26v6M24 38v1"/>',
  key: '<circle cx="16" cy="30" r="8"/><path d="m22 24 18-18M34 12l5 5M29 17l4 4"/>',
  file: '<path d="M12 6h16l8 8v28H12z"/><path d="M28 6v8h8M18 30l12-6M18 24l12 6"/>',
  clock: '<circle cx="24" cy="24" r="17"/><path d="M24 14v10l7 5"/>',
};

const port = location.port ? `:${location.port}` : '';

/** Notices by name: icon, title, text, and whether the microphone could work after a retry. */
const NOTICES = {
  insecure: {
    icon: 'lock', title: 'The browser keeps the microphone closed here',
    text: `Browsers allow recording on https pages and on this computer only. Open ` +
      `http://localhost${port} on the computer that runs the server, or put the server behind ` +
      `https. Files and examples below work anyway.`,
  },
  unsupported: {
    icon: 'none', title: 'This browser cannot record',
    text: 'Update it, or record with another app and choose the file below.',
  },
  denied: {
    icon: 'denied', title: 'The microphone is not allowed', retry: true,
    text: 'Allow it for this page: the microphone symbol in the address bar, or the site ' +
      'settings of the browser. Files and examples below work without it.',
  },
  absent: {
    icon: 'none', title: 'No microphone was found', retry: true,
    text: 'Plug one in or switch it on, then try again. Files and examples below work without it.',
  },
  busy: {
    icon: 'plug', title: 'The microphone cannot be used', retry: true,
    text: 'Another program may hold it. Close that program, then try again.',
  },
  lost: {
    icon: 'plug', title: 'The microphone was disconnected', retry: true,
    text: 'What was recorded until then is kept above.',
  },
  silent: {
    icon: 'quiet', title: 'Nothing was heard', retry: true,
    text: 'The recording is silent. Check which microphone the browser uses, and that it is not ' +
      'muted.',
  },
  short: {
    icon: 'clock', title: 'That was less than a second', retry: true,
    text: 'Say a few sentences: six seconds are enough.',
  },
  hidden: {
    icon: 'eye', title: 'Stopped, since the page was hidden', retry: true,
    text: 'The recording ended when you switched to another tab or app. What was recorded until ' +
      'then is kept.',
  },
};

const place = document.getElementById('notice');

export function clearNotice() {
  place.hidden = true;
  place.replaceChildren();
}

function show({ icon, title, text, hint, request }, actions = []) {
  const box = document.createElement('section');
  box.className = 'card notice';
  box.setAttribute('role', 'alert');
  box.innerHTML = `<svg viewBox="0 0 48 48" aria-hidden="true">${ICONS[icon]}</svg>`;
  const heading = document.createElement('h2');
  heading.textContent = title;
  box.append(heading);
  for (const line of [text, hint, request && `Request ${request}`].filter(Boolean)) {
    const paragraph = document.createElement('p');
    paragraph.textContent = line;
    box.append(paragraph);
  }
  if (actions.length > 0) {
    const row = document.createElement('div');
    row.className = 'row';
    row.append(...actions);
    box.append(row);
  }
  place.replaceChildren(box);
  place.hidden = false;
}

function button(label, action) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = label;
  made.addEventListener('click', () => {
    clearNotice();
    action();
  });
  return made;
}

/** Shows a notice by its name; `retry` is called by its button. */
export function notify(name, retry) {
  const notice = NOTICES[name];
  show(notice, notice.retry && retry ? [button('Try again', retry)] : []);
}

const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}.` : '');

/** Shows a problem that the server reported. */
export function notifyProblem(problem, retry) {
  const { title, detail, hint, status, request } = problem;
  if (status === 401) return askForToken(retry);
  const icon = { 0: 'cloud', 413: 'file', 422: 'file', 429: 'clock', 503: 'clock' }[status];
  const shown = {
    icon: icon ?? 'cloud', title: title ?? 'Something went wrong',
    text: sentence(detail ?? problem.message), hint: sentence(hint), request,
  };
  return show(shown, retry ? [button('Try again', retry)] : []);
}

function askForToken(retry) {
  const input = document.createElement('input');
  input.type = 'password';
  input.autocomplete = 'off';
  input.setAttribute('aria-label', 'Token');
  const use = () => {
    setToken(input.value.trim());
    clearNotice();
    retry?.();
  };
  input.addEventListener('keydown', (event) => event.key === 'Enter' && use());
  const go = button('Use it', use);
  show({
    icon: 'key', title: 'This server needs a token',
    text: 'Ask the person who runs it, and paste the token here.',
  }, [input, go]);
  input.focus();
}
