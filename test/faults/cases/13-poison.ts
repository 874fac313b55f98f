/**
 * Case 13: foreign producers write what can't be sequenced, and what can though it looks odd: every codec, transactions. Each
 * poison record leaves exactly one dead letter, with its reason; everything else goes on, in the same partitions.
 */
import { randomBytes } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import kafkajs from 'kafkajs';
import snappy from 'snappyjs';
import { topicSpecs } from '../../../adapters/kafka/topics.ts';
import type { Partition } from '../../../core/ids.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { FaultCase } from '../case.ts';
import { dumpLog } from '../dump-log.ts';
import { type ForeignEvent, Tools } from '../tools.ts';
import type { World } from '../world.ts';

// kafkajs is CommonJS, and Node finds no names for these.
const { CompressionCodecs, CompressionTypes } = kafkajs;

const SCHEMA_WAIT_MS = 3_000;
const LETTERS_WITHIN_MS = 40_000;
/** Outbound takes less than inbound for a while, so that a record fits the one and not the other. */
const OUTBOUND_MAX_BYTES = 65_536;
const TOO_LARGE_BYTES = 100_000;
const HUNG_MS = 6_000;
const UNKNOWN_SCHEMA_ID = 987_654;

/** What was written, and the reason that its letter must have. */
interface Poison {
  readonly partition: Partition;
  readonly offset: number;
  readonly reason: string;
}

export const poison: FaultCase = {
  number: 13,
  name: 'poison records, unknown schema id, wrong partition, foreign codec, transaction markers',
  seconds: 30,
  environment: { ROOMLOG_SEQUENCER_SCHEMA_WAIT_MS: `${SCHEMA_WAIT_MS}` },
  async run(world) {
    const all: Poison[] = [];
    await Tools.with(world, async (tools) => {
      await world.repeat(async (round) => {
        const partition = world.random.between(0, world.roomlog.partitions - 1) as Partition;
        await world.fault({
          name: 'poison-written',
          async make() {
            const written = await writePoison(world, tools, partition);
            all.push(...written);
            const sound = await packed(world, tools, partition, round);
            const { committed, aborted } = await transactions(world, tools, partition, round);
            await allSequenced(world, [...sound, ...committed], aborted);
            await waitFor(
              async () => {
                const found = await lettersOf(world, tools);
                return written.every(({ partition: at, offset }) => found.has(`${at}/${offset}`));
              },
              { what: 'every dead letter', withinMs: LETTERS_WITHIN_MS },
            );
            judge(world, all, await lettersOf(world, tools));
          },
          async seen() {
            const count = await world.metrics(world.roomlog.sequencers, 'roomlog_poison_total');
            return count > 0 && `${count} poison records answered in partition ${partition} and beside it`;
          },
          recovery: 'begin',
        });
      });
    });
    world.notes.push(`${all.length} poison records of ${new Set(all.map(({ reason }) => reason)).size} kinds`);
  },
};

async function writePoison(world: World, tools: Tools, partition: Partition): Promise<Poison[]> {
  const { key, value } = tools.event(tools.roomIn(partition), { never: 'sequenced' });
  const elsewhere = ((partition + 1) % world.roomlog.partitions) as Partition;
  const unknown = Buffer.from(value);
  unknown.writeInt32BE(UNKNOWN_SCHEMA_ID, 1);
  const plans: Array<[Partition, Buffer | null, Buffer | null, string]> = [
    [partition, key, null, 'empty'],
    [partition, key, Buffer.alloc(0), 'bad_avro'],
    [partition, key, randomBytes(300), 'bad_avro'],
    [partition, key, value.subarray(0, value.length - 7), 'bad_avro'],
    [partition, key, unknown, 'schema_not_found'],
    [elsewhere, key, value, 'wrong_partition'],
    [partition, null, value, 'wrong_partition'],
  ];
  const written: Poison[] = [];
  for (const [at, recordKey, recordValue, reason] of plans) {
    written.push({ partition: at, offset: await tools.write(at, recordKey, recordValue), reason });
  }
  return [...written, await tooLarge(world, tools, partition)];
}

/** A record that inbound takes and outbound does not. */
async function tooLarge(world: World, tools: Tools, partition: Partition): Promise<Poison> {
  const { topics, sequencers } = world.roomlog;
  const change = (what: string) => tools.changeConfig(topics.outbound, what);
  await change(`max.message.bytes=${OUTBOUND_MAX_BYTES}`);
  try {
    const poisoned = () => world.metrics(sequencers, 'roomlog_poison_total', { reason: 'too_large' });
    const count = await poisoned();
    const { key, value } = tools.event(tools.roomIn(partition), { large: 'l'.repeat(TOO_LARGE_BYTES) });
    const offset = await tools.write(partition, key, value);
    await waitFor(async () => (await poisoned()) > count, {
      what: 'the large record refused',
      withinMs: LETTERS_WITHIN_MS,
    });
    return { partition, offset, reason: 'too_large' };
  } finally {
    await change(`max.message.bytes=${outboundMaxBytes(world)}`);
  }
}

/** As the topics are made. */
function outboundMaxBytes(world: World): string {
  const { config, topics } = world.roomlog;
  const spec = topicSpecs(config.stream).find(({ topic }) => topic === topics.outbound);
  return spec?.configs['max.message.bytes'] ?? '2097152';
}

/** Batches as clients of every make pack them; all of it is sound and must be sequenced. */
async function packed(world: World, tools: Tools, partition: Partition, round: number): Promise<string[]> {
  const ops: string[] = [];
  const pack = (compress: (bytes: Buffer) => Uint8Array) => () => ({
    compress: async ({ buffer }: { buffer: Buffer }) => Buffer.from(compress(buffer)),
    decompress: async (bytes: Buffer) => bytes,
  });
  CompressionCodecs[CompressionTypes.GZIP] = pack(gzipSync);
  CompressionCodecs[CompressionTypes.Snappy] = pack(snappy.compress);
  CompressionCodecs[CompressionTypes.LZ4] = pack(lz4Frame);
  CompressionCodecs[CompressionTypes.ZSTD] = pack(zstdCompressSync);
  const producer = tools.kafka.producer();
  await producer.connect();
  try {
    for (const compression of [
      CompressionTypes.GZIP,
      CompressionTypes.Snappy,
      CompressionTypes.LZ4,
      CompressionTypes.ZSTD,
    ]) {
      const events = Array.from({ length: 50 }, (_, n) =>
        tools.event(tools.roomIn(partition), { round, compression, n }),
      );
      await producer.send({ topic: world.roomlog.topics.inbound, compression, acks: -1, messages: events });
      ops.push(...events.map(({ op }) => op));
    }
  } finally {
    await producer.disconnect();
  }
  return ops;
}

/** Magic, version 1 with independent blocks of 64 KiB at most, the header's checksum: how Java begins its frames. */
const LZ4_HEADER = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
const LZ4_STORED = 0x80000000;
const LZ4_BLOCK_BYTES = 65_536;

/** A frame of stored blocks: brokers don't take those that lz4js writes, whose blocks depend on each other. */
function lz4Frame(bytes: Buffer): Buffer {
  const parts: Buffer[] = [LZ4_HEADER];
  for (let at = 0; at < bytes.length; at += LZ4_BLOCK_BYTES) {
    const block = bytes.subarray(at, at + LZ4_BLOCK_BYTES);
    const head = Buffer.alloc(4);
    head.writeUInt32LE(LZ4_STORED + block.length);
    parts.push(head, block);
  }
  return Buffer.concat([...parts, Buffer.alloc(4)]);
}

/** One transaction is committed, one aborted; one stays open for a while: its partition waits, and is not passed over. */
async function transactions(
  world: World,
  tools: Tools,
  partition: Partition,
  round: number,
): Promise<{ committed: string[]; aborted: string[] }> {
  const { topics, sequencers, config } = world.roomlog;
  const transactionalId = `faults-${config.stream.prefix}-${round}`;
  const producer = tools.kafka.producer({ transactionalId, maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  const [committed, aborted, hung] = [{ committed: true }, { aborted: true }, { hung: true }].map((data) =>
    tools.event(tools.roomIn(partition), { round, ...data }),
  ) as [ForeignEvent, ForeignEvent, ForeignEvent];
  const begun = async (event: ForeignEvent) => {
    const transaction = await producer.transaction();
    await transaction.send({ topic: topics.inbound, acks: -1, messages: [event] });
    return transaction;
  };
  try {
    await (await begun(committed)).commit();
    await (await begun(aborted)).abort();
    const open = await begun(hung);
    await waitFor(
      async () => {
        const all = (await Promise.all(sequencers.map((name) => world.partitionsOf(name)))).flat();
        return all.some((one) => one.partition === partition && one.waitsFor === 'transaction');
      },
      { what: 'the partition to say that it waits', withinMs: LETTERS_WITHIN_MS },
    );
    await world.pass(HUNG_MS);
    if ((await keysInLog(world)).has(hung.op)) world.problems.push('an event of an open transaction was sequenced');
    await open.commit();
  } finally {
    await producer.disconnect();
  }
  return { committed: [committed.op, hung.op], aborted: [aborted.op] };
}

const keysInLog = async (world: World): Promise<Set<string | null | undefined>> =>
  new Set((await dumpLog(world.cluster, world.roomlog)).map(({ event }) => event?.key));

/** What is sound gets into the log, whoever packed it; what was aborted does not. */
async function allSequenced(world: World, sound: readonly string[], aborted: readonly string[]): Promise<void> {
  await waitFor(
    async () => {
      const keys = await keysInLog(world);
      return sound.every((op) => keys.has(op));
    },
    { what: 'every sound foreign event in the log', withinMs: LETTERS_WITHIN_MS },
  );
  const keys = await keysInLog(world);
  for (const op of aborted) if (keys.has(op)) world.problems.push('an event of an aborted transaction was sequenced');
  world.notes.push(
    `${sound.length} sound foreign events sequenced: four codecs, committed transactions, one of them hung`,
  );
}

async function lettersOf(world: World, tools: Tools): Promise<Map<string, string[]>> {
  const letters = new Map<string, string[]>();
  for (const { value } of await tools.records(world.roomlog.topics.deadletter)) {
    const letter = tools.codec.decodeDeadLetter(value as Buffer);
    if ('unknownSchema' in letter) throw new Error('a dead letter has an unknown schema');
    const name = `${letter.partition}/${letter.inbound}`;
    letters.set(name, [...(letters.get(name) ?? []), letter.reason]);
  }
  return letters;
}

function judge(world: World, written: readonly Poison[], letters: ReadonlyMap<string, readonly string[]>): void {
  for (const { partition, offset, reason } of written) {
    const found = letters.get(`${partition}/${offset}`) ?? [];
    if (found.length === 1 && found[0] === reason) continue;
    world.problems.push(`inbound ${partition}/${offset} (${reason}) has the letters ${JSON.stringify(found)}`);
  }
  const known = new Set(written.map(({ partition, offset }) => `${partition}/${offset}`));
  for (const [name, reasons] of letters) {
    if (!known.has(name)) world.problems.push(`inbound ${name} was no poison, and has the letters ${reasons.join()}`);
  }
}
