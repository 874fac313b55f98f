/** A client of the stream half that remembers what it got. */
import { Buffer } from 'node:buffer';
import { constants, inflateRawSync } from 'node:zlib';
import { jsonEncoding } from '../protocol/json.ts';
import { serverMessages } from '../protocol/server-messages.fixture.ts';
import type { SharedDeflate, Sink } from '../stream.ts';

/** A client as the stream sees it: frames in, and a socket whose kernel takes what it is told to. */
export class TestSink implements Sink {
  readonly frames: Array<Record<string, unknown>> = [];
  writes = 0;
  closed = false;
  closeCode: number | null = null;
  readonly encoding = jsonEncoding;
  readonly batch: boolean;
  readonly deflate: SharedDeflate | null;
  /** While stalled, what is sent stays buffered. */
  stalled = false;
  #accepted = 0;
  #buffered = 0;
  #waiting: Array<{ bytes: number; resolve: () => void }> = [];

  constructor(batch = false, deflate: SharedDeflate | null = null) {
    this.batch = batch;
    this.deflate = deflate;
  }

  sendFrame(frame: Buffer): void {
    if (this.closed) return;
    this.writes += 1;
    this.frames.push(JSON.parse(frame.toString()));
    this.#accepted += frame.length;
    if (this.stalled) this.#buffered += frame.length;
  }

  sendFramed(frames: Buffer): void {
    if (this.closed) return;
    this.writes += 1;
    for (const text of unframe(frames)) this.frames.push(JSON.parse(text));
    this.#accepted += frames.length;
    if (this.stalled) this.#buffered += frames.length;
  }

  writeOut(): void {}

  bufferedBytes(): number {
    return this.#buffered;
  }

  takenBytes(): number {
    return this.#accepted - this.bufferedBytes();
  }

  drained(bytes: number): Promise<void> {
    if (this.closed || this.#buffered < bytes) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ bytes, resolve }));
  }

  /** The kernel takes all but `left` bytes. */
  drain(left = 0): void {
    this.#buffered = Math.min(this.#buffered, left);
    const ready = this.#waiting.filter(({ bytes }) => this.#buffered < bytes || this.closed);
    this.#waiting = this.#waiting.filter((waiting) => !ready.includes(waiting));
    for (const { resolve } of ready) resolve();
  }

  flow(): void {
    this.stalled = false;
    this.drain();
  }

  close(code: number): void {
    this.closed = true;
    this.closeCode ??= code;
    this.drain();
  }

  /** Frames of a type; the events of batches included. */
  of(type: string): Array<Record<string, unknown>> {
    return this.flat().filter((frame) => frame.type === type);
  }

  flat(): Array<Record<string, unknown>> {
    return this.frames.flatMap((frame) =>
      frame.type === 'batch' ? (frame.events as Array<Record<string, unknown>>) : [frame],
    );
  }

  seqs(room?: string): number[] {
    return this.of('event')
      .filter((event) => room === undefined || event.room === room)
      .map((event) => event.seq as number);
  }
}

/** The texts of whole messages, inflated where they are compressed as RFC 7692 says. */
export function unframe(bytes: Buffer): string[] {
  return Array.from(serverMessages(bytes), ({ first, payload }) => {
    if (first !== 0x81 && first !== 0xc1) throw new Error(`not a final text frame, but ${first}`);
    return (first === 0xc1 ? inflateMessage(payload) : payload).toString();
  });
}

const inflateMessage = (payload: Buffer): Buffer =>
  inflateRawSync(Buffer.concat([payload, Buffer.from('0000ffff', 'hex')]), { finishFlush: constants.Z_SYNC_FLUSH });
