/** Frames as an independent implementation writes them: schemas/vectors/frames.json. */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeServerFrame } from '../../test/support/avro-frames.ts';
import { parseFrame as parseAvro } from './avro-parse.ts';
import { parseFrame as parseJson } from './parse.ts';

interface Vector {
  readonly frame: { readonly type: string; readonly dataHex?: string; readonly contentType?: string };
  readonly avroHex: string;
}

const file = new URL('../../schemas/vectors/frames.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as { client: Vector[]; server: Vector[] };
const LIMITS = { maxLast: 100 };

describe('the vectors of frames', () => {
  it.each(vectors.client)('$frame is the same frame in both encodings', ({ frame, avroHex }) => {
    const parsed = parseAvro(Buffer.from(avroHex, 'hex'), LIMITS);
    if (frame.dataHex !== undefined) {
      expect(parsed).toMatchObject({ contentType: frame.contentType, data: Buffer.from(frame.dataHex, 'hex') });
      return;
    }
    const json = parseJson(Buffer.from(JSON.stringify(frame)), LIMITS);
    if (parsed.type !== 'hello') expect(parsed).toEqual(json);
    else expect({ ...parsed, rooms: [] }).toEqual({ ...json, rooms: [] });
  });

  it('are those of avsc', () => {
    for (const { frame, avroHex } of vectors.server) {
      if (JSON.stringify(frame).includes('dataHex')) continue;
      expect(decodeServerFrame(Buffer.from(avroHex, 'hex'))).toEqual(frame);
    }
  });
});
