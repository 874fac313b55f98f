/** Frames that stand in no log (presence, ephemeral events), to whoever is live in a room now. */
import type { Buffer } from 'node:buffer';
import { frameMessages } from '../fanout/writer.ts';
import type { EventEncoding, Sink } from '../stream.ts';
import type { Room } from './rooms.ts';

/** Encoded and framed once for each encoding that members speak. */
export function broadcast(
  { live, slow }: Pick<Room, 'live' | 'slow'>,
  frame: (encoding: EventEncoding) => Buffer,
  except?: Sink,
): void {
  const framed = new Map<EventEncoding, Buffer>();
  for (const { sink } of live) {
    // What may be lost is not kept for a client that does not read: nothing else would bound it.
    if (sink === except || sink.closed || sink.bufferedBytes() > slow.bytes) continue;
    const { encoding } = sink;
    const bytes = framed.get(encoding) ?? frameMessages([frame(encoding)], encoding.opcode);
    framed.set(encoding, bytes);
    sink.sendFramed(bytes);
  }
}
