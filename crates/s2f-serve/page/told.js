// What the voice told, in words and as bars.

const percent = (share) => `${Math.round(100 * share)} %`;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function bar(parts, label) {
  const made = element('div', { className: 'bar' });
  made.setAttribute('role', 'img');
  made.setAttribute('aria-label', label);
  for (const [kind, from, to] of parts) {
    const part = element('i', { className: kind });
    part.style.left = `${100 * from}%`;
    if (to !== undefined) part.style.width = `${100 * (to - from)}%`;
    made.append(part);
  }
  return made;
}

const ends = (left, right) =>
  element('div', { className: 'ends' }, element('span', { textContent: left }),
    element('span', { textContent: right }));

function sex(share) {
  const [word, most] = share < 0.5 ? ['men', 1 - share] : ['women', share];
  const sentence = `${percent(most)} of the faces that fit are those of ${word}.`;
  return element('div', {}, element('h3', { textContent: 'Sex' }),
    element('p', { textContent: sentence }),
    bar([['women', 0, share], ['men', share, 1]], sentence), ends('women', 'men'));
}

const YOUNGEST = 10;
const OLDEST = 90;

function age({ median, interval_50: half, interval_90: most }) {
  const place = (years) => Math.max(0, Math.min(1, (years - YOUNGEST) / (OLDEST - YOUNGEST)));
  const years = ([low, high]) => `${Math.round(low)} to ${Math.round(high)}`;
  const sentence = `About ${Math.round(median)}. Half of the faces that fit are ${years(half)}, ` +
    `nine of ten ${years(most)} years old.`;
  const parts = [['wide', ...most.map(place)], ['narrow', ...half.map(place)],
    ['middle', place(median)]];
  return element('div', {}, element('h3', { textContent: 'Age' }),
    element('p', { textContent: sentence }), bar(parts, sentence),
    ends(`${YOUNGEST}`, `${OLDEST} years`));
}

/** The words for an uncertainty; nothing for a model that does not know it. */
export function told(uncertainty, hasSpeech) {
  if (!uncertainty) return [];
  const { evidence, information, share_of_women: women, age: ages } = uncertainty;
  const parts = [];
  if (hasSpeech === false) {
    parts.push(element('p', { textContent: 'No speech was found above the noise, so this is the ' +
      'face of an average person.' }));
  }
  if (typeof women === 'number') parts.push(sex(women));
  if (ages) parts.push(age(ages));
  const seconds = evidence.seconds.toFixed(1);
  const known = percent(information.components);
  const explained = percent(Math.max(0, uncertainty.explained_variance));
  parts.push(element('p', {
    className: 'note',
    textContent: `${seconds} s of voice told ${known} of what an endless clean recording would. ` +
      `It explains ${explained} of how faces differ. It does not tell the shape of nose or eyes, ` +
      'the colour of skin, eyes or hair, or where somebody comes from: there, the faces that ' +
      'fit differ.',
  }));
  return parts;
}
