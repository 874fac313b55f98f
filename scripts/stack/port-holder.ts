/** Who holds a TCP port: asked by trying to listen, named from Linux's /proc/net/tcp (proc(5)). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { RoomlogError } from '../../core/errors.ts';
import { BLOCK_PORTS } from './ports.ts';
import { commandLine } from './process-identity.ts';

export interface TakenPort {
  readonly port: number;
  /** null where the holder can not be seen: another user's process, or outside this container. */
  readonly pid: number | null;
  readonly command: string;
}

/** Those of `ports` on loopback that something listens on. */
export async function takenPorts(ports: readonly number[]): Promise<TakenPort[]> {
  const taken: TakenPort[] = [];
  for (const port of ports) {
    if (await isFree(port)) continue;
    const pid = holderOf(port);
    taken.push({ port, pid, command: pid === null ? '' : commandLine(pid) });
  }
  return taken;
}

/** Below the range that the kernel gives to outgoing connections. */
const FREE_BLOCKS_FROM = 10_000;
const FREE_BLOCKS_TO = 32_000;
const FREE_BLOCK_ATTEMPTS = 50;

/** First port of a block that nothing listens in, chosen at random so that runs side by side seldom meet. */
export async function freePortBase(): Promise<number> {
  const blocks = Math.floor((FREE_BLOCKS_TO - FREE_BLOCKS_FROM) / BLOCK_PORTS);
  for (let attempt = 0; attempt < FREE_BLOCK_ATTEMPTS; attempt += 1) {
    const base = FREE_BLOCKS_FROM + BLOCK_PORTS * Math.floor(Math.random() * blocks);
    const ports = Array.from({ length: BLOCK_PORTS }, (_, index) => base + index);
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return base;
  }
  throw new RoomlogError('port_taken', 'No block of ports is free on this machine.');
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function holderOf(port: number): number | null {
  const inodes = new Set([...listeningInodes('/proc/net/tcp', port), ...listeningInodes('/proc/net/tcp6', port)]);
  if (inodes.size === 0) return null;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    let descriptors: string[];
    try {
      descriptors = readdirSync(`/proc/${entry}/fd`);
    } catch {
      continue; // gone, or another user's
    }
    for (const descriptor of descriptors) {
      try {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${entry}/fd/${descriptor}`))?.[1];
        if (inode !== undefined && inodes.has(inode)) return Number(entry);
      } catch {
        // closed between the two calls
      }
    }
  }
  return null;
}

/** Columns: slot, local address (hex address:hex port), remote, state (0A is LISTEN), …, the tenth is the inode. */
function listeningInodes(table: string, port: number): string[] {
  let text: string;
  try {
    text = readFileSync(table, 'utf8');
  } catch {
    return [];
  }
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes: string[] = [];
  for (const line of text.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (columns[3] === '0A' && columns[1]?.endsWith(`:${hexPort}`) && columns[9] !== undefined) inodes.push(columns[9]);
  }
  return inodes;
}
