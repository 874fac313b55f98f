import { describe, expect, test } from 'vitest';
import type { Partition } from '../../core/ids.ts';
import type { AppendRecord, LogRecord } from '../../core/ports/event-log.ts';
import { Echoes } from './echoes.ts';
import { crc32c } from './wire/crc32c.ts';
import { crc32cOfChanged } from './wire/crc32c-changed.ts';
import { BatchDecoder } from './wire/decode-batches.ts';
import { encodeBatch } from './wire/encode-batch.ts';

const [p0, p1] = [0 as Partition, 1 as Partition];
const NOW = 1_700_000_000_123;
const record = (text: string): AppendRecord => ({
  key: Buffer.from(`key ${text}`),
  value: Buffer.from(`value ${text}`),
});
const records = (...texts: string[]) => texts.map(record);

/** As a broker keeps it that stamps with its own time. */
function stamped(batch: Buffer, baseOffset: number, time: number): Buffer {
  const kept = Buffer.from(batch);
  kept.writeBigInt64BE(BigInt(baseOffset), 0);
  kept.writeInt32BE(7, 12);
  kept.writeInt16BE(8, 21);
  kept.writeBigInt64BE(BigInt(time), 35);
  kept.writeUInt32BE(crc32c(kept, 21), 17);
  return kept;
}

function sent(echoes: Echoes, partition: Partition, ...texts: string[]) {
  const appended = records(...texts);
  const batch = encodeBatch(appended, NOW);
  echoes.note(partition, batch, appended);
  return { appended, kept: stamped(batch, 40, NOW + 5) };
}

const take = (echoes: Echoes, partition: Partition, bytes: Buffer) => echoes.take(partition, bytes, 0, bytes.length);

describe('a batch that comes back', () => {
  test('is known once, whatever its offset and its broker’s time', () => {
    const echoes = new Echoes();
    const { appended, kept } = sent(echoes, p0, 'a', 'b');
    expect(take(echoes, p0, kept)).toBe(appended);
    expect(take(echoes, p0, kept)).toBeNull();
  });

  test('is known in the middle of an answer', () => {
    const echoes = new Echoes();
    const { appended, kept } = sent(echoes, p0, 'a', 'b');
    const answer = Buffer.concat([Buffer.alloc(33, 1), kept, Buffer.alloc(9, 2)]);
    expect(echoes.take(p0, answer, 33, 33 + kept.length)).toBe(appended);
  });

  test('is not known with any byte changed that a checksum covers', () => {
    const { kept } = sent(new Echoes(), p0, 'a', 'b');
    for (let at = 16; at < kept.length; at++) {
      const echoes = new Echoes();
      sent(echoes, p0, 'a', 'b');
      const damaged = Buffer.from(kept);
      damaged[at] = (damaged[at] as number) ^ 0x10;
      // The format's version is looked at before.
      if (at !== 16) expect(take(echoes, p0, damaged)).toBeNull();
    }
  });

  test('is not known with records that a sound checksum covers, but which were not sent', () => {
    const echoes = new Echoes();
    sent(echoes, p0, 'a', 'b');
    expect(take(echoes, p0, stamped(encodeBatch(records('a', 'c'), NOW), 40, NOW))).toBeNull();
    expect(take(echoes, p0, stamped(encodeBatch(records('a', 'b'), NOW + 1), 40, NOW))).toBeNull();
    expect(take(echoes, p0, stamped(encodeBatch(records('a', 'b'), NOW), 40, NOW))).not.toBeNull();
  });

  test('is known in its own partition only, until that is forgotten', () => {
    const echoes = new Echoes();
    const { kept } = sent(echoes, p0, 'a');
    expect(take(echoes, p1, kept)).toBeNull();
    echoes.forget(p0);
    expect(take(echoes, p0, kept)).toBeNull();
  });

  test('ends the wait for those before it, and of many that never come the oldest are let go', () => {
    const echoes = new Echoes();
    const first = sent(echoes, p0, 'a');
    const second = sent(echoes, p0, 'b');
    expect(take(echoes, p0, second.kept)).toBe(second.appended);
    expect(take(echoes, p0, first.kept)).toBeNull();
    const many = ['c', 'd', 'e', 'f', 'g'].map((text) => sent(echoes, p0, text));
    expect(many.map(({ kept }) => take(echoes, p0, kept) !== null)).toEqual([false, true, true, true, true]);
  });
});

test('its records are as if they had been decoded, from any offset on and in any slices', () => {
  const appended = records('a', 'b', 'c', 'd', 'e');
  const batch = encodeBatch(appended, NOW);
  const after = stamped(encodeBatch(records('f'), NOW), 45, NOW + 6);
  for (const kept of [stamped(batch, 40, NOW + 5), batch]) {
    const answer = Buffer.concat([kept, after]);
    for (let from = 0; from < 47; from++) {
      for (const sliceRecords of [1, 2, 10]) {
        const echoes = new Echoes();
        echoes.note(p0, batch, appended);
        const echoOf = (bytes: Buffer, at: number, end: number) => echoes.take(p0, bytes, at, end);
        const known = all(new BatchDecoder(answer, from, [], { sliceRecords, echoOf }));
        expect(known).toEqual(all(new BatchDecoder(answer, from, [], { sliceRecords })));
        const buffers = known.records
          .filter(({ offset }) => offset < (kept === batch ? 5 : 45))
          .map(({ value }) => value);
        const last = appended.slice(appended.length - buffers.length).map(({ value }) => value);
        expect(buffers.every((value, at) => value === last[at])).toBe(true);
      }
    }
  }
});

function all(decoder: BatchDecoder): { records: LogRecord[]; next: number } {
  const found: LogRecord[] = [];
  for (;;) {
    const slice = decoder.slice();
    if (slice instanceof Promise) throw new Error('nothing is packed');
    found.push(...slice.records);
    if (!slice.more) return { records: found, next: slice.next };
  }
}

test('a checksum follows from that of other bytes that differ at the front', () => {
  for (const length of [1, 22, 23, 64, 1_000, 65_537]) {
    const one = Buffer.from(Array.from({ length }, (_, at) => (at * 31 + (at >>> 3)) & 0xff));
    const other = Buffer.from(one);
    const front = Math.min(22, length);
    for (let at = 0; at < front; at++) other[at] = (at * 77) & 0xff;
    const difference = one.subarray(0, front).map((byte, at) => byte ^ (other[at] as number));
    expect(crc32cOfChanged(crc32c(one), difference, length - front)).toBe(crc32c(other));
  }
});
