// Requests to the server: the token, the routes, and problems as errors.

/** A problem that the server reports (RFC 9457), or one of the connection. */
export class Problem extends Error {
  constructor({ title, detail, hint, status, request }) {
    super(detail || title);
    Object.assign(this, { title, detail, hint, status, request });
  }
}

const UNREACHABLE = {
  title: 'The server cannot be reached', status: 0,
  detail: 'the connection to the server failed', hint: 'check that it still runs, then try again',
};

// The link that opens the page carries the token behind #, which browsers do not send anywhere.
const given = new URLSearchParams(location.hash.slice(1)).get('token');
if (given) {
  sessionStorage.setItem('token', given);
  history.replaceState(null, '', location.pathname);
}

export const token = () => sessionStorage.getItem('token');
export const setToken = (value) => sessionStorage.setItem('token', value);

const headers = (more = {}) => (token() ? { ...more, Authorization: `Bearer ${token()}` } : more);

async function checked(response) {
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new Problem({ title: response.statusText, ...body, status: response.status });
}

async function send(path, options = {}) {
  const request = fetch(path, { ...options, headers: headers(options.headers) });
  const response = await request.catch((error) => {
    if (error.name === 'AbortError') throw error;
    throw new Problem(UNREACHABLE);
  });
  return checked(response);
}

const query = (options) => new URLSearchParams(options).toString();

/** The faces of a recording (a Blob). */
export async function reconstruct(recording, options, signal) {
  const type = recording.type || 'application/octet-stream';
  const response = await send(`/v1/reconstruct?${query(options)}`, {
    method: 'POST', body: recording, signal, headers: { 'Content-Type': type },
  });
  return response.json();
}

/** The face of a feature. */
export async function decode({ feature, face_space }, options, signal) {
  const response = await send(`/v1/decode?${query(options)}`, {
    method: 'POST', signal, body: JSON.stringify({ feature, face_space }),
    headers: { 'Content-Type': 'application/json' },
  });
  return response.json();
}

export const models = async () => (await send('/v1/models')).json();
export const example = async (name) => (await send(`/examples/${name}.flac`)).blob();

/** A live session. */
export function live(options) {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const protocols = ['speech2face.v1'];
  if (token()) protocols.push(`bearer.${token()}`);
  const socket = new WebSocket(`${scheme}//${location.host}/v1/live?${query(options)}`, protocols);
  socket.binaryType = 'arraybuffer';
  return socket;
}
