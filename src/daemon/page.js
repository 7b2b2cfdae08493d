// Keeps the page as the daemon is. Data goes in as text, never as markup.
'use strict';

const kStatusMs = 2000;
const kJournalMs = 10000;
const kPatienceMs = 5000;

const byId = (id) => document.getElementById(id);
let clockOffsetMs = 0; // Of the daemon's clock to the browser's.
let answeredAt = null;

/** An element with attributes and children; a child that is a string is text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function drawn(tag, attributes, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const count = (number) => number.toLocaleString('en');
const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? '' : 's'}`;

function duration(seconds) {
  if (seconds < 1) return 'less than 1 s';
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}

function size(bytes) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  for (; bytes >= 1024 && unit < units.length - 1; ++unit) bytes /= 1024;
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}

// Times.

function relative(iso) {
  const seconds = (Date.parse(iso) - Date.now() - clockOffsetMs) / 1000;
  if (Math.abs(seconds) < 1) return 'now';
  return seconds > 0 ? `in ${duration(seconds)}` : `${duration(-seconds)} ago`;
}

function setTime(element, iso) {
  if (iso === undefined) return element.replaceChildren('–');
  let time = element.querySelector('time');
  if (!time) element.replaceChildren(time = make('time'));
  if (time.dateTime !== iso) {
    time.dateTime = iso;
    time.title = new Date(iso).toLocaleString();
  }
  setText(time, relative(iso));
}

function tick() {
  for (const time of document.querySelectorAll('time')) setText(time, relative(time.dateTime));
}

// What needs a person, with the command that resolves it.

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren(button.previousElementSibling);
    button.textContent = 'Selected';
  }
  setTimeout(() => { button.textContent = 'Copy'; }, 1500);
}

function badges(one) {
  const all = [];
  if (!one.owned && !one.needs_person && one.state !== 'paused') {
    all.push(make('span', { class: 'badge elsewhere' }, 'on another host'));
  } else {
    all.push(make('span', { class: `badge ${one.state}` }, one.state));
  }
  if (one.quarantined > 0) {
    all.push(make('span', { class: 'badge quarantined' }, `${count(one.quarantined)} quarantined`));
  }
  const owed = one.owed + (one.owed_unknown || 0);
  if (owed > 0) {
    all.push(make('span', { class: `badge owed${one.also ? ' late' : ''}` }, `${count(owed)} owed`));
  }
  return all;
}

function tell(card, why, resolve) {
  if (why) card.append(make('p', {}, why));
  if (!resolve) return;
  const button = make('button', { type: 'button', 'aria-label': `Copy: ${resolve}` }, 'Copy');
  button.addEventListener('click', () => copy(resolve, button));
  card.append(make('div', { class: 'command' }, make('code', {}, resolve), button));
}

function notice(one) {
  const card = make('article', { class: `notice ${one.state}` },
    make('h3', {}, one.name, ...badges(one)));
  tell(card, one.why, one.resolve);
  if (one.file_error) {
    tell(card, `its file is broken, and its last good version stays in force: ${one.file_error}`,
      `converge check ${one.name}`);
  }
  for (const { why, how, resolve } of one.also || []) {
    tell(card, `${why}. ${how}${resolve ? ':' : '.'}`, resolve);
  }
  return card;
}

let noticesShown = null;
function showNotices(convergers) {
  const wanted = convergers.filter((one) => one.needs_person || one.state === 'paused');
  wanted.sort((a, b) => b.needs_person - a.needs_person);
  const told = JSON.stringify(wanted.map((one) => [one.name, one.state, one.why, one.resolve,
    one.file_error, one.quarantined, one.owed, one.owed_unknown, one.also]));
  if (told === noticesShown) return; // A button that somebody is about to press stays where it is.
  noticesShown = told;
  byId('notices').replaceChildren(...wanted.map(notice));
}

// The table. A row lives as long as its converger, so that what is opened stays open.

const rows = new Map();

function newRow(one) {
  const cell = (label, kind = '') => make('td', { 'data-label': label, class: kind });
  const row = { element: make('tr'), name: cell('Name', 'name'), state: cell('State', 'state'),
    schedule: cell('Schedule', 'schedule'), last: cell('Last pass'), correction: cell('Last correction'),
    next: cell('Next'), description: make('p'), version: make('p', { class: 'version faint' }) };
  row.name.append(make('details', {}, make('summary', {}, one.name), row.description, row.version));
  row.element.append(row.name, row.state, row.schedule, row.last, row.correction, row.next);
  return row;
}

function updateRow(row, one) {
  setText(row.description, one.description || 'No description.');
  setText(row.version, one.version ? `version ${one.version.slice(0, 12)}` : '');
  row.state.replaceChildren(...badges(one));
  if (one.running) row.state.append(make('span', { class: 'running' }, 'running'));
  setText(row.schedule, one.schedule);
  setTime(row.last, one.last_pass);
  if (one.last_outcome) row.last.title = one.last_outcome;
  setTime(row.correction, one.last_correction);
  setTime(row.next, one.next);
}

function showConvergers(convergers) {
  const body = byId('convergers');
  if (rows.size === 0) body.replaceChildren();
  const names = new Set(convergers.map((one) => one.name));
  for (const [name, row] of rows) {
    if (names.has(name)) continue;
    row.element.remove();
    rows.delete(name);
  }
  let before = body.firstChild;
  for (const one of convergers) {
    if (!rows.has(one.name)) rows.set(one.name, newRow(one));
    const row = rows.get(one.name);
    if (row.element === before) before = before.nextSibling;
    else body.insertBefore(row.element, before);
    updateRow(row, one);
  }
}

// The daemon as a whole.

const kColors = { well: '%231d9a5d', paused: '%23c98a12', attention: '%23c98a12', trouble: '%23d33f36' };

function showStatus(status) {
  clockOffsetMs = Date.parse(status.now) - Date.now();
  document.body.dataset.level = status.level;
  document.title = `${status.headline} · Converge`;
  byId('icon').href = `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'>` +
    `<circle cx='4' cy='4' r='4' fill='${kColors[status.level]}'/></svg>`;
  setText(byId('headline'), status.headline);
  setText(byId('trouble'), status.trouble);
  setText(byId('trial'), status.trial);
  setText(byId('facts'), [
    status.connected ? `Connected to ${status.server}` : `Not connected to ${status.server}`,
    `up ${duration((Date.parse(status.now) - Date.parse(status.since)) / 1000)}`,
    `${status.busy} of ${counted(status.workers, 'worker')} busy`,
    `${status.connections_in_use} of ${counted(status.connections, 'connection')} in use`,
  ].join(' · '));
  setText(byId('host'), status.host);
  setText(byId('journal'), `Journal ${status.journal.file}: ` +
    `${count(status.journal.entries)} entries, ${size(status.journal.bytes)}`);
  showNotices(status.convergers);
  showConvergers(status.convergers);
}

// Charts: corrections rise from the line, failures hang from it.

function chart(history, one) {
  const [height, below] = [56, 16];
  const most = Math.max(1, ...one.corrections);
  const mostFailures = Math.max(1, ...one.failures);
  const svg = drawn('svg', { viewBox: `0 0 ${history.buckets * 4} ${height + below}`,
    preserveAspectRatio: 'none', role: 'img' });
  svg.append(drawn('line', { class: 'base', x1: 0, x2: history.buckets * 4, y1: height, y2: height }));
  const start = Date.parse(history.since);
  one.corrections.forEach((corrected, i) => {
    const failed = one.failures[i];
    if (corrected + failed === 0) return;
    const from = new Date(start + i * history.bucket_seconds * 1000);
    const told = drawn('title', {}, `from ${from.toLocaleTimeString()}: ` +
      `${count(corrected)} corrected, ${count(failed)} failed`);
    const high = corrected === 0 ? 0 : Math.max(2, corrected / most * (height - 1));
    const low = failed === 0 ? 0 : Math.max(2, failed / mostFailures * below);
    svg.append(drawn('g', {}, told,
      drawn('rect', { class: 'up', x: i * 4, y: height - high, width: 3, height: high }),
      drawn('rect', { class: 'down', x: i * 4, y: height, width: 3, height: low })));
  });
  return svg;
}

const sum = (values) => values.reduce((a, b) => a + b, 0);

function rate(history, one) {
  const told = `${count(sum(one.corrections))} corrected` +
    (sum(one.failures) > 0 ? `, ${count(sum(one.failures))} failed` : '');
  const svg = chart(history, one);
  const peak = `peak ${count(Math.max(...one.corrections))}`;
  svg.setAttribute('aria-label', `${one.name}: ${told} in the last six hours, ${peak}`);
  return make('figure', { class: 'rate' },
    make('figcaption', {}, make('strong', {}, one.name), make('span', { class: 'faint' }, told)), svg,
    make('div', { class: 'axis', 'aria-hidden': 'true' }, make('span', {}, '6 hours ago'),
      make('span', {}, peak), make('span', {}, 'now')));
}

function showHistory(history) {
  const busy = history.convergers.filter((one) => sum(one.corrections) + sum(one.failures) > 0);
  busy.sort((a, b) => sum(b.failures) - sum(a.failures) || sum(b.corrections) - sum(a.corrections));
  byId('rates').replaceChildren(...busy.map((one) => rate(history, one)));
  const names = new Set(busy.map((one) => one.name));
  const quiet = [...rows.keys()].filter((name) => !names.has(name));
  setText(byId('quiet'), quiet.length === 0 ? '' : `Nothing to correct: ${quiet.join(', ')}`);
  byId('rates-section').hidden = false;
}

// Recent corrections.

function correction(one) {
  const cell = (kind, ...content) => make('td', { class: kind }, ...content);
  const subject = one.label === undefined ? one.subject : `${one.subject} (${one.label})`;
  const steps = one.steps.filter((step) => step.count > 0)
    .map((step) => `${step.title} ${count(step.count)}`).join(', ');
  const time = cell('when');
  setTime(time, one.time);
  const outcome = make('span', { class: `badge ${one.outcome}` }, one.outcome.replace('_', ' '));
  return make('tr', {}, time, cell('who', one.converger || ''), cell('subject', subject || ''),
    cell('what', steps || '–'), cell('by', one.actor), cell('outcome', outcome));
}

function showCorrections(corrections) {
  byId('corrections').replaceChildren(...corrections.map(correction));
  byId('none').hidden = corrections.length > 0;
  byId('corrections-section').hidden = false;
}

// Asking.

async function ask(path) {
  const answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(kPatienceMs) });
  if (!answer.ok) throw new Error((await answer.json()).error || answer.statusText);
  return answer.json();
}

function showLink(reached) {
  if (reached) answeredAt = new Date();
  document.body.classList.toggle('is-lost', !reached);
  byId('lost').hidden = reached;
  setText(byId('link'), reached ? `live, ${answeredAt.toLocaleTimeString()}` : '');
  setText(byId('lost'), reached ? '' : 'The daemon does not answer' + (answeredAt
    ? `; this is as it was at ${answeredAt.toLocaleTimeString()}` : ''));
}

async function refreshStatus() {
  try {
    showStatus(await ask('api/v1/status'));
    showLink(true);
  } catch {
    showLink(false);
  }
}

async function refreshJournal() {
  // One that fails leaves the other as it is; that the daemon is gone is the status's to tell.
  await Promise.allSettled([
    ask('api/v1/history').then(showHistory),
    ask('api/v1/corrections?n=20').then((answer) => showCorrections(answer.corrections)),
  ]);
}

/** Again and again, unless nobody looks. */
function repeat(work, everyMs) {
  const turn = async () => {
    if (!document.hidden) await work();
    setTimeout(turn, everyMs);
  };
  document.addEventListener('visibilitychange', () => { if (!document.hidden) work(); });
  return turn();
}

repeat(refreshStatus, kStatusMs).then(() => repeat(refreshJournal, kJournalMs));
setInterval(tick, 1000);
