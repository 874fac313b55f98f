/** `scripts/feed`: see options.ts for what it does. */

import { EXIT, exitCodeOf, explain } from '../../cli/exit.ts';
import { openClient } from '../../cli/gateway-client.ts';
import type { RoomlogClient } from '../../client/index.ts';
import { Feeder, MAX_PENDING_PER_CLIENT } from './feeder.ts';
import { type Flight, readFlights } from './flights.ts';
import { type FeedOptions, parseOptions, USAGE } from './options.ts';
import { Pace } from './pace.ts';
import { Tally } from './tally.ts';

/** How long the last acks are waited for, ms: at the end, and after Ctrl-C. */
const SETTLE_END_MS = 60_000;
const SETTLE_STOP_MS = 5_000;
/** Between progress lines, ms: on a terminal, where one line is written over, and elsewhere. */
const PROGRESS_TTY_MS = 250;
const PROGRESS_LOG_MS = 5_000;

const stop = new AbortController();
process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);
function onSignal(): void {
  if (stop.signal.aborted) process.exit(1);
  stop.abort();
}

async function run(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv, process.env);
  if (options.help) {
    process.stdout.write(`${USAGE}\n`);
    return EXIT.ok;
  }
  const tally = new Tally(performance.now());
  const clients = await openClients(options, tally);
  const resent = () => clients.reduce((sum, client) => sum + client.resent, 0);
  const stopProgress = showProgress(() => {
    const unanswered = clients.reduce((sum, client) => sum + client.pending, 0);
    return tally.progress(performance.now(), unanswered, resent());
  });
  try {
    const pace = new Pace(options.rate, performance.now());
    const feeder = new Feeder({ clients, tally, pace, limit: options.limit, signal: stop.signal });
    await feeder.run(options.loop ? forEver() : readFlights());
    await feeder.settle(stop.signal.aborted ? SETTLE_STOP_MS : SETTLE_END_MS);
  } finally {
    stopProgress();
    process.stderr.write(`${tally.summary(performance.now(), resent())}\n`);
    stop.abort();
    await Promise.all(clients.map((client) => client.close()));
  }
  return tally.acked === tally.sent ? EXIT.ok : EXIT.finding;
}

async function openClients({ clients, stateDir, url, token }: FeedOptions, tally: Tally): Promise<RoomlogClient[]> {
  const globals = { stateDir, url, token, output: 'text' } as const;
  const opened: RoomlogClient[] = [];
  for (let number = 1; number <= clients && !stop.signal.aborted; number += 1) {
    const say = (line: string) => note(`client ${number}: ${line}`);
    const options = { maxQueuedPublishes: 2 * MAX_PENDING_PER_CLIENT };
    const client = await openClient(globals, { room: 'airport/*', user: `feed-${number}`, say, options });
    client.on('state', ({ state }) => {
      if (state === 'open') tally.reconnects += 1;
    });
    opened.push(client);
  }
  return opened;
}

async function* forEver(): AsyncGenerator<Flight, void, void> {
  for (;;) yield* readFlights();
}

let lineOpen = false;
function note(line: string): void {
  process.stderr.write(`${lineOpen ? '\n' : ''}${line}\n`);
  lineOpen = false;
}

function showProgress(line: () => string): () => void {
  const { isTTY, columns = 120 } = process.stderr;
  const show = () => {
    if (!isTTY) return note(line());
    process.stderr.write(`\r\u001b[K${line().slice(0, columns - 1)}`);
    lineOpen = true;
  };
  const timer = setInterval(show, isTTY ? PROGRESS_TTY_MS : PROGRESS_LOG_MS);
  return () => {
    clearInterval(timer);
    show();
    if (lineOpen) process.stderr.write('\n');
    lineOpen = false;
  };
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (thrown) {
  process.stderr.write(`${explain(thrown)}\n`);
  process.exitCode = exitCodeOf(thrown);
}
process.exit();
