import { expect, it } from 'vitest';
import type { Offset, RoomId } from '../../core/ids.ts';
import { Fold } from '../../core/log/fold.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import { codec } from '../../gateway/tail/test-sequencer.fixture.ts';
import { claims, OutboundWriter } from './outbound-writer.ts';

it('writes what a fold accepts, each room with seqs of its own', () => {
  const writers = [new OutboundWriter(codec), new OutboundWriter(codec)];
  const [first] = claims(writers);
  const write = (room: string) =>
    (writers[0] as OutboundWriter).event(room as RoomId, Buffer.from(room), Buffer.from('1'), 5);
  const records = [first, write('a'), write('b'), write('a')].map(
    (record) => codec.decodeOutbound(record?.value as Buffer) as OutboundRecord,
  );
  const fold = new Fold();
  const verdicts = records.map((record, offset) => fold.apply(offset as Offset, record).kind);
  expect(verdicts).toEqual(['claim', 'accepted', 'accepted', 'accepted']);
  expect(records.map(({ event }) => event?.seq)).toEqual([undefined, 1, 1, 2]);
});
