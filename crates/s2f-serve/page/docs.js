// The description of the service, from openapi.json.

function element(tag, properties = {}, ...children) {
  const { text, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

const main = document.getElementById('main');
const description = await (await fetch('/openapi.json')).json();
const resolve = (part) => {
  if (!part.$ref) return part;
  return part.$ref.slice(2).split('/').reduce((found, key) => found[key], description);
};

function rows(pairs) {
  const list = element('dl');
  for (const [term, text] of pairs) {
    list.append(element('dt', {}, element('code', { text: term })), element('dd', { text }));
  }
  return list;
}

for (const [path, methods] of Object.entries(description.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const card = element('section', { className: 'card' },
      element('h2', {}, element('code', { text: `${method.toUpperCase()} ${path}` })),
      element('p', { text: operation.description ?? operation.summary }));
    const parameters = (operation.parameters ?? []).map(resolve);
    if (parameters.length > 0) {
      card.append(element('h3', { text: 'Options' }),
        rows(parameters.map(({ name, description: text }) => [name, text])));
    }
    card.append(element('h3', { text: 'Responses' }), rows(
      Object.entries(operation.responses)
        .map(([code, response]) => [code, resolve(response).description]),
    ));
    if (operation['x-example']) {
      card.append(element('h3', { text: 'Example' }),
        element('pre', {}, element('code', { text: operation['x-example'] })));
    }
    main.append(card);
  }
}

const problems = element('section', { className: 'card' },
  element('h2', { text: 'Problems' }),
  element('p', { text: description.components.schemas.Problem.description }));
for (const [name, text] of Object.entries(description['x-problems'])) {
  problems.append(element('h3', { id: name, text: name }), element('p', { text }));
}
main.append(problems);
if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
