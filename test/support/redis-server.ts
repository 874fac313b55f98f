/** A redis-server of a test's own: on a free port, in a temporary folder, without persistence. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureRedis } from '../../scripts/stack/redis.ts';
import { freezeProcess } from './freeze.ts';

const READY_WITHIN_MS = 10_000;

export class RedisServer {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), 'roomlog-redis-'));
  #process: ChildProcess | null = null;

  readonly #more: readonly string[];

  /** @param more arguments */
  constructor(port: number, more: readonly string[] = []) {
    this.port = port;
    this.#more = more;
  }

  static async open(): Promise<RedisServer> {
    const server = new RedisServer(await freePort());
    await server.start();
    return server;
  }

  /** A cluster of one, which has no slots yet. */
  static async openCluster(): Promise<RedisServer> {
    const [port, busPort] = [await freePort(), await freePort()];
    const server = new RedisServer(port, ['--cluster-enabled', 'yes', '--cluster-port', String(busPort)]);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const args = [
      '--port',
      String(this.port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      this.#folder,
      ...this.#more,
    ];
    const started = spawn(ensureRedis(), args, { stdio: 'ignore' });
    this.#process = started;
    const failed = once(started, 'error').then(([error]) => Promise.reject(error));
    await Promise.race([this.#answers(), failed]);
    failed.catch(() => {});
  }

  /** kill -9. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    if (running === null || running.exitCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  }

  /** Stops answering without closing anything, as a cut network does. */
  async freeze(): Promise<void> {
    if (this.#process?.pid !== undefined) await freezeProcess(this.#process.pid);
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #answers(): Promise<void> {
    for (const until = Date.now() + READY_WITHIN_MS; Date.now() < until; await delay(10)) {
      const socket = connect(this.port, '127.0.0.1');
      const open = await Promise.race([
        once(socket, 'connect').then(() => true),
        once(socket, 'error').then(() => false),
      ]).catch(() => false);
      socket.destroy();
      if (open) return;
    }
    throw new Error(`redis-server does not answer on port ${this.port}`);
  }
}

async function freePort(): Promise<number> {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const address = holder.address();
  holder.close();
  await once(holder, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
