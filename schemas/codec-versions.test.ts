import avsc from 'avsc';
import { describe, expect, it } from 'vitest';
import type { SequencedEvent } from '../core/log/record.ts';
import { codec, codecWith, codeOf, outbound, plain, sample } from './codec.fixture.ts';
import { SCHEMAS } from './schemas.ts';

describe('schemas of other versions', () => {
  const newer = JSON.parse(SCHEMAS.outbound);
  newer.fields.push({
    name: 'moved',
    default: null,
    type: ['null', { type: 'record', name: 'Moved', fields: [{ name: 'to', type: 'string' }] }],
  });
  const newerType = avsc.Type.forSchema(newer);
  const newerRecord = (value: object, id = 301): Buffer => {
    const header = Buffer.from([0, 0, 0, 0, 0]);
    header.writeInt32BE(id, 1);
    return Buffer.concat([header, newerType.toBuffer(value)]);
  };
  const unknownKind = newerRecord({ ...outbound(sample), event: null, moved: { to: 'elsewhere' } });

  it('are asked for once, then read', async () => {
    const reader = codecWith({ 301: JSON.stringify(newer) });
    expect(reader.decodeOutbound(unknownKind)).toEqual({ unknownSchema: 301 });
    await reader.ensureSchema(301);
    expect(reader.decodeOutbound(newerRecord({ ...outbound(sample), moved: null }))).toMatchObject({
      inbound: 9,
      event: { room: 'lobby' },
    });
    expect(plain(reader.decodeOutboundHead(newerRecord({ ...outbound(sample), moved: null })))).toMatchObject({
      inbound: 9,
      event: { room: 'lobby', seq: sample.seq, expiresAt: sample.expiresAt },
    });
  });

  it('leave four nulls and the header of a kind that this version does not know', async () => {
    const reader = codecWith({ 301: JSON.stringify(newer) });
    await reader.ensureSchema(301);
    expect(plain(reader.decodeOutbound(unknownKind))).toEqual({
      epoch: 5,
      inbound: 9,
      prevInbound: 8,
      inboundTime: 1_700_000_000_000,
      claim: null,
      event: null,
      answer: null,
      skipped: null,
    });
  });

  it('check the strings of foreign versions for UTF-8 as well', async () => {
    const reader = codecWith({ 301: JSON.stringify(newer) });
    await reader.ensureSchema(301);
    const record = newerRecord({ ...outbound({ ...sample, room: 'a\ufffdb' } as SequencedEvent), moved: null });
    expect(codeOf(() => reader.decodeOutbound(record))).toBe('nothing thrown');
    record.set([0xed, 0xa0, 0x80], record.indexOf(Buffer.from('a\ufffdb')) + 1);
    expect(codeOf(() => reader.decodeOutbound(record))).toBe('corrupt_record');
  });

  it('are corrupt, not unknown, when the id is of another kind of record or no schema at all', async () => {
    const reader = codecWith({ 7: SCHEMAS.inbound, 8: SCHEMAS.inbound, 9: 'not a schema', 10: '{"type":"nonsense"}' });
    for (const id of [8, 9, 10]) {
      await reader.ensureSchema(id);
      const record = newerRecord({ ...outbound(sample), moved: null }, id);
      expect(codeOf(() => reader.decodeOutbound(record))).toBe('corrupt_record');
    }
  });

  it("are told apart: not found and unreachable are the look-up's to say", async () => {
    await expect(codec.ensureSchema(404)).rejects.toMatchObject({ code: 'schema_not_found' });
  });
});
