/**
 * What a record costs to encode and to decode (ADR 0003): Roomlog's codec with all its checks, and avsc alone. Both in turn, in one
 * process, five rounds, medians. `node bench/avro-codec.ts` writes bench/results/avro-codec.json.
 */
import avsc from 'avsc';
import type { InboundEvent, OutboundRecord } from '../core/log/record.ts';
import { createCodec } from '../schemas/codec.ts';
import { SCHEMAS } from '../schemas/schemas.ts';
import { HEADER_BYTES } from '../schemas/wire.ts';
import { rowOf, writeResult } from './support/result.ts';

const RECORDS = 200_000;
const ROUNDS = 5;
const DATA_BYTES = 200;

const data = Buffer.from(JSON.stringify({ text: 'x'.repeat(DATA_BYTES - '{"text":""}'.length) }));
const inbound = {
  room: 'room-1234',
  user: 'user-5678',
  session: '0190b8f0-0000-7000-8000-000000000001',
  pub: 12,
  key: null,
  origin: Buffer.alloc(16, 7),
  event: 'message',
  contentType: null,
  data,
  expiresAt: null,
  traceparent: null,
} as unknown as InboundEvent;
const outbound = {
  epoch: 3_000_000_000,
  inbound: 3_000_123_456,
  prevInbound: 3_000_123_455,
  inboundTime: 1_760_000_000_000,
  claim: null,
  event: { ...inbound, seq: 55, time: 1_760_000_000_000, prev: 3_000_000_100 },
  answer: null,
  skipped: null,
} as unknown as OutboundRecord;

const codec = createCodec({
  inboundId: 1,
  outboundId: 2,
  deadLetterId: 3,
  snapshotId: 4,
  store: { known: () => undefined, load: () => Promise.reject(new Error('not needed')) },
});
const alone = avsc.Type.forSchema(JSON.parse(SCHEMAS.outbound), { omitRecordMethods: true });
const inboundBytes = codec.encodeInbound(inbound);
const outboundBytes = codec.encodeOutbound(outbound);
const scratch = Buffer.alloc(65_536);

const works = [
  { case: 'encode inbound', side: 'roomlog', work: () => codec.encodeInbound(inbound) },
  { case: 'decode inbound', side: 'roomlog', work: () => codec.decodeInbound(inboundBytes) },
  { case: 'encode outbound', side: 'roomlog', work: () => codec.encodeOutbound(outbound) },
  { case: 'decode outbound', side: 'roomlog', work: () => codec.decodeOutbound(outboundBytes) },
  { case: 'decode inbound', side: 'roomlog, bytes as views', work: () => codec.viewInbound(inboundBytes) },
  { case: 'decode outbound', side: 'roomlog, bytes as views', work: () => codec.viewOutbound(outboundBytes) },
  { case: 'encode outbound', side: 'avsc alone', work: () => alone.encode(outbound, scratch, HEADER_BYTES) },
  { case: 'decode outbound', side: 'avsc alone', work: () => alone.decode(outboundBytes, HEADER_BYTES) },
].map((one) => ({ ...one, rates: [] as number[] }));

/** Thousand records a second. */
function measure(work: () => unknown): number {
  const startedAt = performance.now();
  for (let record = 0; record < RECORDS; record++) work();
  return RECORDS / (performance.now() - startedAt);
}

// The first round warms up and is not counted.
for (let nth = 0; nth <= ROUNDS; nth++) {
  for (const { work, rates } of works) {
    const rate = measure(work);
    if (nth > 0) rates.push(rate);
  }
}
writeResult('avro-codec', {
  bench: 'avro-codec',
  figure: 'ADR 0003',
  command: 'node bench/avro-codec.ts',
  versions: {},
  settings: {
    records: RECORDS,
    dataBytes: DATA_BYTES,
    inboundRecordBytes: inboundBytes.length,
    outboundRecordBytes: outboundBytes.length,
  },
  rounds: ROUNDS * works.length,
  voidRounds: 0,
  rows: works.map(({ case: what, side, rates }) =>
    rowOf({ case: what, side, metric: 'rate of one core', unit: 'thousand records/s' }, rates),
  ),
  goals: [],
  notes: ["Roomlog's codec makes all its checks; avsc alone makes none. Both take turns in one process."],
});
