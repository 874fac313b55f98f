/** Asks a Node process for its memory over its inspector, after a full collection: all sides alike, without a line of theirs. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';

/** Between two collections: finalisers of the first free what the second finds. */
const BETWEEN_MS = 300;
const COLLECTIONS = 3;

export interface Memory {
  /** V8's heap in use, and what it holds outside (buffers). */
  readonly heapBytes: number;
  /** Of the process, as the system counts it. */
  readonly residentBytes: number;
}

/** @param port of `--inspect=127.0.0.1:port` */
export async function memoryOf(pid: number, port: number): Promise<Memory> {
  const [target] = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as [
    { readonly webSocketDebuggerUrl: string },
  ];
  const socket = new WebSocket(target.webSocketDebuggerUrl, { perMessageDeflate: false });
  await once(socket, 'open');
  let id = 0;
  const ask = async (method: string): Promise<Record<string, number>> => {
    id += 1;
    socket.send(JSON.stringify({ id, method }));
    for (;;) {
      const [message] = (await once(socket, 'message')) as [Buffer];
      const answer = JSON.parse(message.toString()) as { id?: number; result?: Record<string, number> };
      if (answer.id === id) return answer.result ?? {};
    }
  };
  try {
    for (let count = 0; count < COLLECTIONS; count += 1) {
      await ask('HeapProfiler.collectGarbage');
      await sleep(BETWEEN_MS);
    }
    const { usedSize = 0, embedderHeapUsedSize = 0, backingStorageSize = 0 } = await ask('Runtime.getHeapUsage');
    return { heapBytes: usedSize + embedderHeapUsedSize + backingStorageSize, residentBytes: residentBytesOf(pid) };
  } finally {
    socket.close();
  }
}

function residentBytesOf(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (found === null) throw new Error(`/proc/${pid}/status tells no VmRSS`);
  return Number(found[1]) * 1_024;
}
