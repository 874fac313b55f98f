/**
 * What a record costs to encode and to decode (ADR 0003): Roomlog's codec with all its checks, and avsc alone. Both in turn, in one
 * process, five rounds, medians. `node bench/avro-codec.ts` writes bench/results/avro-codec.json.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import avsc from 'avsc';
import type { InboundEvent, OutboundRecord } from '../core/log/record.ts';
import { createCodec } from '../schemas/codec.ts';
import { SCHEMAS } from '../schemas/schemas.ts';
import { HEADER_BYTES } from '../schemas/wire.ts';
import { median, round } from './support/latency.ts';
import { describeMachine } from './support/machine.ts';

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

const works = {
  encodeInbound: () => codec.encodeInbound(inbound),
  decodeInbound: () => codec.decodeInbound(inboundBytes),
  encodeOutbound: () => codec.encodeOutbound(outbound),
  decodeOutbound: () => codec.decodeOutbound(outboundBytes),
  avscAloneEncodesOutbound: () => alone.encode(outbound, scratch, HEADER_BYTES),
  avscAloneDecodesOutbound: () => alone.decode(outboundBytes, HEADER_BYTES),
};

/** Thousand records a second. */
function measure(work: () => unknown): number {
  const startedAt = performance.now();
  for (let record = 0; record < RECORDS; record++) work();
  return RECORDS / (performance.now() - startedAt);
}

const rounds: Record<string, number[]> = {};
// The first round warms up and is not counted.
for (let nth = 0; nth <= ROUNDS; nth++) {
  for (const [name, work] of Object.entries(works)) {
    const rate = measure(work);
    if (nth > 0) rounds[name] = [...(rounds[name] ?? []), rate];
  }
}
const thousandPerSecond = Object.fromEntries(
  Object.entries(rounds).map(([name, rates]) => [name, round(median(rates))]),
);
const result = {
  bench: 'avro-codec',
  command: 'node bench/avro-codec.ts',
  machine: describeMachine(),
  records: RECORDS,
  rounds: ROUNDS,
  dataBytes: DATA_BYTES,
  recordBytes: { inbound: inboundBytes.length, outbound: outboundBytes.length },
  thousandPerSecond,
};
const folder = join(import.meta.dirname, 'results');
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'avro-codec.json'), `${JSON.stringify(result, null, 2)}\n`);
process.stdout.write(`${JSON.stringify(thousandPerSecond)}\n`);
