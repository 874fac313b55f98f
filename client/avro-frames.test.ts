import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame } from './avro-frames.ts';
import { WIRES } from './wire.ts';

interface Vector {
  readonly frame: { readonly type: string; readonly dataHex?: string; readonly events?: readonly object[] };
  readonly avroHex: string;
}

const file = new URL('../schemas/vectors/frames.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as { client: Vector[]; server: Vector[] };
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

/** As this SDK has it: opaque data in bytes. */
function withBytes(frame: Vector['frame']): Vector['frame'] {
  const { dataHex, events, ...rest } = frame;
  return {
    ...rest,
    ...(dataHex === undefined ? {} : { data: bytesOf(dataHex) }),
    ...(events === undefined ? {} : { events: events.map((event) => withBytes(event as Vector['frame'])) }),
  };
}

describe('frames in Avro', () => {
  it.each(vectors.client)('$frame is written as others write it', ({ frame, avroHex }) => {
    const sent = withBytes(frame) as { type: string; data?: unknown; contentType?: string };
    const isJson = 'data' in sent && sent.contentType === undefined;
    const message = isJson ? { ...sent, data: JSON.stringify(sent.data) } : sent;
    expect(Buffer.from(encodeFrame(message)).toString('hex')).toBe(avroHex);
  });

  it.each(vectors.server)('$frame is read as others write it', ({ frame, avroHex }) => {
    expect(decodeFrame(bytesOf(avroHex))).toEqual(withBytes(frame));
  });

  it('cut short, or with bytes behind it, is none', () => {
    for (const { avroHex } of vectors.server) {
      const bytes = bytesOf(avroHex);
      for (let length = 0; length < bytes.length; length += 1)
        expect(decodeFrame(bytes.subarray(0, length))).toBeNull();
      expect(decodeFrame(Uint8Array.of(...bytes, 0))).toBeNull();
    }
  });

  it('of any bytes is a frame or none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const frame = decodeFrame(bytes);
        if (frame !== null) expect(typeof frame.type).toBe('string');
      }),
      { numRuns: 1_000 },
    );
    expect(decodeFrame(bytesOf('08feffffffffff7f'))).toBeNull();
  });

  it('of a branch that a newer gateway knows is passed over', () => {
    expect(decodeFrame(Uint8Array.of(60, 1, 2, 3))).toEqual({ type: 'unknown' });
  });

  it('are the same whole numbers as in JSON', () => {
    const edges = fc.oneof(
      fc.maxSafeInteger(),
      fc.constantFrom(0, 63, 64, -64, -65, 2 ** 51, 2 ** 52, -(2 ** 52), -(2 ** 52) - 1, 2 ** 53 - 1, 1 - 2 ** 53),
    );
    fc.assert(
      fc.property(edges, (id) => {
        // A pong is a ping, but for its branch.
        const pong = encodeFrame({ type: 'ping', id });
        pong[0] = 26;
        expect(decodeFrame(pong)).toEqual({ type: 'pong', id });
      }),
    );
  });

  it('may come as an ArrayBuffer, from browsers, or as bytes', () => {
    const bytes = bytesOf('1a02');
    for (const data of [bytes, bytes.slice().buffer]) expect(WIRES.avro.decode(data)).toEqual({ type: 'pong', id: 1 });
    expect(WIRES.avro.decode('{"type":"pong","id":1}')).toBeNull();
    expect(WIRES.json.decode(bytes)).toBeNull();
  });
});
