import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OutboundRecord, SequencedEvent } from '../core/log/record.ts';
import { codec, codeOf, IDS, outbound, sample } from './codec.fixture.ts';

describe('malformed records', () => {
  const good = codec.encodeOutbound(outbound(sample));

  it('are corrupt when cut anywhere', () => {
    for (let length = 0; length < good.length; length++) {
      expect(codeOf(() => codec.decodeOutbound(good.subarray(0, length)))).toBe('corrupt_record');
    }
  });

  it('are corrupt with bytes after their end', () => {
    expect(codeOf(() => codec.decodeOutbound(Buffer.concat([good, Buffer.from([0])])))).toBe('corrupt_record');
  });

  it('are corrupt with another magic byte, or an id that no registry gives', () => {
    expect(codeOf(() => codec.decodeInbound(Buffer.concat([Buffer.from([1]), good.subarray(1)])))).toBe(
      'corrupt_record',
    );
    expect(codeOf(() => codec.decodeInbound(Buffer.from([0, 255, 0, 0, 1, 0, 0])))).toBe('corrupt_record');
    expect(codeOf(() => codec.decodeInbound(Buffer.from([0, 0, 0, 0, 0, 0, 0])))).toBe('corrupt_record');
  });

  it('are corrupt with a number past 2^53, or a union branch that does not exist', () => {
    const header = Buffer.from([0, 0, 0, 300 >> 8, 300 & 255]);
    const max = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    expect(codeOf(() => codec.decodeOutbound(Buffer.concat([header, max, Buffer.alloc(7)])))).toBe('corrupt_record');
    expect(codeOf(() => codec.decodeOutbound(Buffer.concat([header, Buffer.from([0, 0, 0, 0, 4, 0, 0, 0])])))).toBe(
      'corrupt_record',
    );
  });

  it('are corrupt with a string that is not UTF-8, while U+FFFD itself is a letter like any other', () => {
    const honest = { ...sample, room: 'a\ufffdb' } as SequencedEvent;
    const record = Buffer.from(codec.encodeOutbound(outbound(honest)));
    expect((codec.decodeOutbound(record) as OutboundRecord).event?.room).toBe('a\ufffdb');
    const at = record.indexOf(Buffer.from('a\ufffdb')) + 1;
    record.set([0xed, 0xa0, 0x80], at);
    expect(codeOf(() => codec.decodeOutbound(record))).toBe('corrupt_record');
  });

  it('throw nothing but corrupt_record, whatever the bytes', () => {
    const prefix = fc.constantFrom(IDS.inboundId, IDS.outboundId, 1).map((id) => {
      const header = Buffer.alloc(5);
      header.writeInt32BE(id, 1);
      return header;
    });
    fc.assert(
      fc.property(fc.oneof(fc.constant(Buffer.alloc(0)), prefix), fc.uint8Array({ maxLength: 120 }), (header, tail) => {
        const record = Buffer.concat([header, tail]);
        for (const run of [() => codec.decodeInbound(record), () => codec.decodeOutbound(record)]) {
          expect(['corrupt_record', 'nothing thrown']).toContain(codeOf(run));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('throw nothing but corrupt_record when a good record has single bytes changed', () => {
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
        const record = Buffer.from(good);
        record[at] = value;
        expect(['corrupt_record', 'nothing thrown']).toContain(codeOf(() => codec.decodeOutbound(record)));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('what can not be encoded', () => {
  it('is refused as bad_frame when a string holds half of a surrogate pair', () => {
    expect(codeOf(() => codec.encodeOutbound(outbound({ ...sample, event: 'a\ud800' })))).toBe('bad_frame');
  });

  it('names the field and never quotes the value', () => {
    const wrong = outbound({ ...sample, seq: 1.5, data: Buffer.from('secret') } as unknown as SequencedEvent);
    expect(() => codec.encodeOutbound(wrong)).toThrow(/seq/);
    expect(() => codec.encodeOutbound(wrong)).not.toThrow(/secret/);
  });
});
