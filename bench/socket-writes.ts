/**
 * What one write to one of many sockets costs a Node process, by the way it goes: the ground on which fan-out stands.
 *
 *   scripts/bench socket-writes [--sockets 1000] [--bytes 320] [--perSecond 100] [--seconds 3] [--repeats 3]
 *
 * One process with all sockets on a core of its own, one that reads them on another; on loopback. Ways take turns:
 *
 *   direct     the socket's handle called past `net.Socket`: what Roomlog does (gateway/connection/direct-writes.ts)
 *   write      `socket.write` of a whole frame: the same as Node documents it
 *   two        header and payload, corked: what `ws.send` amounts to, without `ws`
 *   file       `fs.writeSync` on the socket's descriptor: the least that Node can do around the system call, without any answer to a full socket
 *
 * Writes bench/results/socket-writes.json.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { DirectWrites } from '../gateway/connection/direct-writes.ts';
import { startStealMeter } from './support/cpu.ts';
import { benchOptions } from './support/options.ts';
import { layOutCores, pin } from './support/pin.ts';
import { rowOf, writeResult } from './support/result.ts';
import { countRounds, playInTurn, voidReasons } from './support/rounds.ts';

const HEADER_BYTES = 4;
const WARM_UP_SECONDS = 1;

const { values: options } = benchOptions({
  options: {
    sockets: { type: 'string', default: '1000' },
    bytes: { type: 'string', default: '320' },
    perSecond: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '3' },
    repeats: { type: 'string', default: '3' },
    reads: { type: 'string' },
  },
});
const count = Number(options.sockets);
const perSecond = Number(options.perSecond);

type Way = (sockets: readonly Socket[], frame: Buffer) => void;

const directWrites = DirectWrites.open();
const owner = { onTaken: () => {} };

const WAYS: Readonly<Record<'direct' | 'write' | 'two' | 'file', Way>> = {
  direct: (sockets, frame) => {
    for (const socket of sockets)
      if (directWrites?.write(socket, frame, owner) !== 0)
        throw new Error('a socket is full, or this Node has no direct writes');
  },
  write: (sockets, frame) => {
    for (const socket of sockets) socket.write(frame);
  },
  two: (sockets, frame) => {
    for (const socket of sockets) {
      socket.cork();
      socket.write(frame.subarray(0, HEADER_BYTES));
      socket.write(frame.subarray(HEADER_BYTES));
      socket.uncork();
    }
  },
  file: (sockets, frame) => {
    for (const socket of sockets) {
      const { _handle: handle } = socket as unknown as { _handle: { readonly fd: number } };
      if (writeSync(handle.fd, frame) !== frame.length) throw new Error('a socket is full');
    }
  },
};

/** The reading half, in a process of its own. */
async function read(port: number): Promise<void> {
  process.on('disconnect', () => process.exit(0));
  for (let number = 0; number < count; number += 1) {
    const socket = connect(port, '127.0.0.1').on('data', () => {});
    await once(socket, 'connect');
  }
  process.send?.('ready');
}

async function measure(
  way: Way,
  sockets: readonly Socket[],
): Promise<{ perWriteUs: number; userUs: number; stolen: number }> {
  const frame = Buffer.alloc(Number(options.bytes), 'x');
  const play = async (rounds: number): Promise<void> => {
    const started = performance.now();
    for (let round = 0; round < rounds; round += 1) {
      way(sockets, frame);
      const due = started + ((round + 1) * 1_000) / perSecond;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    }
  };
  await play(WARM_UP_SECONDS * perSecond);
  const stolen = startStealMeter();
  const before = process.cpuUsage();
  const rounds = Number(options.seconds) * perSecond;
  await play(rounds);
  const { user, system } = process.cpuUsage(before);
  const writes = rounds * sockets.length;
  return { perWriteUs: (user + system) / writes, userUs: user / writes, stolen: stolen() };
}

async function main(): Promise<void> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket.setNoDelay(true))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const cores = layOutCores();
  const argv = ['--reads', `${port}`, '--sockets', `${count}`];
  const reader = fork(fileURLToPath(import.meta.url), argv, { execArgv: [] });
  await once(reader, 'message');
  pin(process.pid, cores?.server);
  pin(reader.pid as number, cores?.clients[0]);
  const played = await playInTurn({
    sides: Object.keys(WAYS) as (keyof typeof WAYS)[],
    repeats: Number(options.repeats),
    play: (way) => measure(WAYS[way], sockets),
    isVoid: ({ stolen }) => voidReasons({ stolen }).length > 0,
  });
  const about = `${count.toLocaleString('en')} sockets, ${options.bytes} bytes, ${perSecond} times a second`;
  const rows = [...played].flatMap(([side, { valid }]) => [
    rowOf(
      { case: about, side, metric: 'CPU per write', unit: 'µs' },
      valid.map(({ perWriteUs }) => perWriteUs),
    ),
    rowOf(
      { case: about, side, metric: 'of it in user space', unit: 'µs' },
      valid.map(({ userUs }) => userUs),
    ),
  ]);
  writeResult('socket-writes', {
    bench: 'socket-writes',
    figure: 'P1',
    command: 'scripts/bench socket-writes',
    versions: {},
    settings: { sockets: count, bytes: Number(options.bytes), perSecond, seconds: Number(options.seconds), cores },
    ...countRounds(played.values()),
    rows,
    goals: [],
    notes: [
      'What a write costs whatever it carries: most of it is the kernel’s, which on loopback includes the receiving half of TCP.',
      'direct calls what net.Socket ends in, which Node does not document; write is what Roomlog does where gateway.directWrites is off, or this Node has no such call.',
      'file is no way to write to a socket: it shows what is left when Node does nothing but the system call.',
    ],
  });
  for (const { side, metric, median } of rows) process.stderr.write(`${side}: ${metric} ${median} µs\n`);
  reader.disconnect();
  process.exit(0);
}

await (options.reads === undefined ? main() : read(Number(options.reads)));
