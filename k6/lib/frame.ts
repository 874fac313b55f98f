/** Frames from the gateway, in the JSON subprotocol; fields as in docs/protocol.md. */
import type { Payload } from './room-reader.ts';

export interface ServerFrame {
  readonly type: string;
  readonly id?: number;
  readonly room?: string;
  readonly seq?: number;
  readonly cursor?: string;
  readonly session?: string;
  readonly data?: Payload;
  readonly events?: readonly ServerFrame[];
  readonly recovered?: boolean;
  readonly from?: number;
  readonly to?: number;
  readonly code?: string;
  readonly message?: string;
  readonly retryAfter?: number;
  readonly delay?: number;
}

/** How the frames that many get begin. */
const SHARED = ['{"type":"event"', '{"type":"batch"'];
const MAX_KEPT = 64;
const kept = new Map<string, ServerFrame>();

/** All members of a room get the same text, and parsing is a third of what an event costs k6: each VU parses it once. */
export function parseFrame(text: string): ServerFrame {
  if (!SHARED.some((start) => text.startsWith(start))) return JSON.parse(text) as ServerFrame;
  let frame = kept.get(text);
  if (frame === undefined) {
    frame = JSON.parse(text) as ServerFrame;
    if (kept.size >= MAX_KEPT) kept.clear();
    kept.set(text, frame);
  }
  return frame;
}
