/** The demo page's own code. Runs in a browser; the one thing that it shows off is the SDK. */
import {
  type ClientState,
  connect,
  type Gap,
  type Presence,
  type Room,
  type RoomEvent,
  RoomlogClientError,
} from '../../client/index.ts';

/** Rows kept on the page; older ones are in the log, where they belong. */
const MAX_ROWS = 300;
const TYPING_SHOWN_MS = 3_000;
/** How often one's own typing is told, ms. */
const TYPING_EVERY_MS = 1_500;
const BACKLOG = 50;

const byId = <T extends HTMLElement>(id: string): T => {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element as T;
};
const log = byId<HTMLOListElement>('log');
const nameInput = byId<HTMLInputElement>('name');
const roomInput = byId<HTMLInputElement>('room');
const textInput = byId<HTMLInputElement>('text');
const sayButton = byId<HTMLButtonElement>('say');

interface Ticket {
  readonly token: string;
  readonly user: string;
}
let ticket: Ticket | null = null;
/** So many demo users at once: a name is chosen, the page's user is not. */
let displayName = '';

/** A first token makes a user; later ones keep it, by showing the last. */
async function fetchToken(): Promise<string> {
  const response = await fetch('/demo/token', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(ticket ? { token: ticket.token } : {}),
  });
  if (!response.ok) throw new Error(`the token endpoint answered ${response.status}`);
  ticket = (await response.json()) as Ticket;
  return ticket.token;
}

const client = connect({ url: `${location.origin.replace(/^http/, 'ws')}/v1/ws`, token: fetchToken });
let room: Room | null = null;
const typing = new Map<string, number>();
let toldTypingAt = Number.NEGATIVE_INFINITY;

client.on('state', showState);
client.on('error', (error) => complain(error));
byId<HTMLFormElement>('join-form').addEventListener('submit', (event) => {
  event.preventDefault();
  void join(roomInput.value.trim(), nameInput.value.trim());
});
byId<HTMLFormElement>('say-form').addEventListener('submit', (event) => {
  event.preventDefault();
  void say(textInput.value.trim());
});
textInput.addEventListener('input', () => tellTyping());
nameInput.value = localStorage.getItem('roomlog-demo-name') ?? `Guest ${Math.floor(Math.random() * 900 + 100)}`;

async function join(name: string, as: string): Promise<void> {
  complain(null);
  room?.leave();
  room = null;
  displayName = as;
  localStorage.setItem('roomlog-demo-name', as);
  log.replaceChildren();
  typing.clear();
  showPresence({ members: [], count: 0 });
  byId('room-title').textContent = name;
  allowWriting(false);
  try {
    room = await client.join(name, {
      last: BACKLOG,
      presence: true,
      meta: { name: as },
      onEvent: (event) => showEvent(event),
      onEphemeral: (event) => showTyping(event.user, event.data),
      onGap: (gap) => showGap(gap),
      onLive: (live) => {
        note(`live at ${live.seq}`, 'live');
        showPosition(live.seq);
      },
      onPresence: (presence) => showPresence(presence),
      onEnd: (error) => complain(error),
    });
  } catch (error) {
    complain(error);
    return;
  }
  allowWriting(name.startsWith('demo/'));
}

async function say(text: string): Promise<void> {
  if (!room || text === '') return;
  textInput.value = '';
  toldTypingAt = Number.NEGATIVE_INFINITY;
  const began = performance.now();
  try {
    const { seq } = await client.publish(room.name, 'say', { text, name: displayName });
    byId('ack').textContent = `seq ${seq ?? '–'} in ${Math.round(performance.now() - began)} ms`;
  } catch (error) {
    complain(error);
    if (textInput.value === '') textInput.value = text;
  }
}

function tellTyping(): void {
  const now = performance.now();
  if (!room || now - toldTypingAt < TYPING_EVERY_MS) return;
  toldTypingAt = now;
  // May be lost, and says so by being ephemeral.
  client.publish(room.name, 'typing', { name: displayName }, { ephemeral: true }).catch(() => {});
}

function allowWriting(allowed: boolean): void {
  textInput.disabled = !allowed;
  sayButton.disabled = !allowed;
  textInput.placeholder = allowed ? 'Write something' : 'This room can only be watched';
  if (allowed) textInput.focus();
}

function showState(state: ClientState): void {
  const pill = byId('state');
  pill.dataset.state = state.state;
  if (state.state === 'open') {
    pill.textContent = 'connected';
    byId('gateway').textContent = state.gateway;
  } else if (state.state === 'waiting') pill.textContent = `reconnecting (${state.closeCode})…`;
  else if (state.state === 'closed') pill.textContent = state.error ? `stopped: ${state.error.code}` : 'closed';
  else pill.textContent = 'connecting…';
}

function showEvent(event: RoomEvent): void {
  const row = document.createElement('li');
  const mine = event.user === ticket?.user;
  row.classList.toggle('mine', mine);
  const data = event.data as { text?: unknown; name?: unknown } | null;
  const spoken = event.event === 'say' && typeof data?.text === 'string';
  const body = element('span', 'body');
  const who = spoken && typeof data?.name === 'string' ? data.name : event.user;
  body.append(element('span', 'who', mine ? `${who} (you)` : who), ' ');
  body.append(spoken ? String(data?.text) : `${event.event} ${shorten(JSON.stringify(event.data))}`);
  const time = element('time', '', new Date(event.time).toLocaleTimeString());
  time.setAttribute('datetime', new Date(event.time).toISOString());
  row.append(element('span', 'seq', `#${event.seq}`), body, time);
  typing.delete(event.user);
  showTypers();
  append(row);
  showPosition(event.seq);
}

function showGap(gap: Gap): void {
  note(`${gap.to - gap.from + 1} events (#${gap.from} to #${gap.to}) can’t be had: ${gap.reason}`, 'gap');
}

function note(text: string, kind: string): void {
  const row = document.createElement('li');
  row.append(element('span', `note ${kind}`, text));
  append(row);
}

function append(row: HTMLElement): void {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  log.append(row);
  while (log.childElementCount > MAX_ROWS) log.firstElementChild?.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function showPresence({ members, count }: Pick<Presence, 'members' | 'count'>): void {
  byId('member-count').textContent = String(count);
  const rows = members.map((member) => {
    const meta = member.meta as { name?: unknown } | undefined;
    const name = typeof meta?.name === 'string' ? meta.name : member.user;
    return element('li', '', member.user === ticket?.user ? `${name} (you)` : name);
  });
  byId('members').replaceChildren(...rows);
}

function showTyping(user: string, data: unknown): void {
  if (user === ticket?.user) return;
  const name = (data as { name?: unknown } | null)?.name;
  if (typeof name !== 'string') return;
  typing.set(user, performance.now());
  typingNames.set(user, name);
  showTypers();
  setTimeout(showTypers, TYPING_SHOWN_MS + 50);
}
const typingNames = new Map<string, string>();

function showTypers(): void {
  const now = performance.now();
  for (const [user, at] of typing) if (now - at > TYPING_SHOWN_MS) typing.delete(user);
  const names = [...typing.keys()].map((user) => typingNames.get(user) ?? user);
  byId('typing').textContent = names.length === 0 ? '' : `${names.slice(0, 3).join(', ')} typing…`;
}

function showPosition(seq: number): void {
  byId('position').textContent = `#${seq}`;
}

function complain(error: unknown): void {
  const text = error instanceof RoomlogClientError ? `${error.code}: ${error.message}` : error ? String(error) : '';
  byId('alert').textContent = text;
}

function element(tag: string, className: string, text?: string): HTMLElement {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const shorten = (text: string): string => (text.length > 240 ? `${text.slice(0, 240)}…` : text);
