/**
 * Between the records of `core/log/record.ts` and the bytes in Kafka; `schemas/wire.ts` draws the five bytes before each record, `schemas/*.avsc`
 * what follows them. Inbound and outbound events of this version's schema, which is nearly all there is, are read by hand (ADR 0018), all else by avsc.
 *
 * Decoded `bytes` are copies, never slices of the record: a fetch answer of a megabyte is not kept alive by one event of it.
 */
import { RoomlogError } from '../core/errors.ts';
import type { Offset, Partition } from '../core/ids.ts';
import { lazily } from '../core/lazily.ts';
import type { InboundEvent, OutboundHead, OutboundRecord } from '../core/log/record.ts';
import type { SnapshotRecord } from '../core/log/snapshot-record.ts';
import type { SchemaStore } from '../core/ports/schema-store.ts';
import { AvroReader, parseSchema } from './avro-reader.ts';
import { encodeLargeRecord, encodeRecord } from './avro-writer.ts';
import { readInboundFast, spliceEvent } from './inbound-fast.ts';
import { readHeadFast, readOutboundFast } from './outbound-fast.ts';
import { SCHEMAS, type SchemaIds } from './schemas.ts';
import { schemaIdOf } from './wire.ts';

/** An inbound record that could not be sequenced. Partition and inbound offset name it. */
export interface DeadLetter {
  readonly partition: Partition;
  readonly inbound: Offset;
  /** The inbound record's timestamp, ms since the Unix epoch. */
  readonly time: number;
  readonly reason: string;
  readonly message: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

/** A record whose schema this process has not seen yet: `await ensureSchema(id)`, then decode again. */
export interface UnknownSchema {
  readonly unknownSchema: number;
}

export interface Codec {
  /** Throws `bad_frame` for a string that is no text (lone surrogates), `corrupt_record` for values that do not fit. */
  encodeInbound(event: InboundEvent): Buffer;
  encodeOutbound(record: OutboundRecord): Buffer;
  /**
   * The same bytes for an event and the inbound record (decoded before) that it was made of: room, user and all that follows are
   * copied from there where its schema is this version's own.
   */
  encodeSequenced(record: OutboundRecord, source: Buffer): Buffer;
  encodeDeadLetter(letter: DeadLetter): Buffer;
  /** Names in it were decoded before, so they are not checked again. */
  encodeSnapshot(record: SnapshotRecord): Buffer;
  /** All decoders throw `corrupt_record` for bytes that are not exactly one record: what is thrown depends on nothing but them. */
  decodeInbound(record: Buffer): InboundEvent | UnknownSchema;
  /** The same, for who lets go of it before `record`: `origin` and `data` may be views of that. */
  viewInbound(record: Buffer): InboundEvent | UnknownSchema;
  /** A body of a kind that this version does not know reads as four nulls. */
  decodeOutbound(record: Buffer): OutboundRecord | UnknownSchema;
  /** The same, for who lets go of it before `record`: `origin` and `data` may be views of that. */
  viewOutbound(record: Buffer): OutboundRecord | UnknownSchema;
  /** The same record, but only what a fold looks at that decides nothing. */
  decodeOutboundHead(record: Buffer): OutboundHead | UnknownSchema;
  decodeDeadLetter(record: Buffer): DeadLetter | UnknownSchema;
  /** A chunk's bytes are to be checked against its manifest before. */
  decodeSnapshot(record: Buffer): SnapshotRecord | UnknownSchema;
  /** Throws `schema_not_found` or `registry_unreachable`. */
  ensureSchema(id: number): Promise<void>;
}

export interface CodecOptions extends SchemaIds {
  readonly store: SchemaStore;
}

/** avsc compiles a type for some milliseconds, and most processes need one or two of them. */
const inboundType = lazily(() => parseSchema(SCHEMAS.inbound));
const outboundType = lazily(() => parseSchema(SCHEMAS.outbound));
const deadLetterType = lazily(() => parseSchema(SCHEMAS.deadletter));
const snapshotType = lazily(() => parseSchema(SCHEMAS.snapshots));
const outboundHeadType = lazily(() => parseSchema(headSchema(SCHEMAS.outbound)));

export function createCodec({ inboundId, outboundId, deadLetterId, snapshotId, store }: CodecOptions): Codec {
  const inbound = lazily(() => new AvroReader(inboundType(), inboundId, store));
  const outbound = lazily(() => new AvroReader(outboundType(), outboundId, store));
  const outboundHead = lazily(() => new AvroReader(outboundHeadType(), outboundId, store, outboundType()));
  const deadLetter = lazily(() => new AvroReader(deadLetterType(), deadLetterId, store));
  const snapshot = lazily(() => new AvroReader(snapshotType(), snapshotId, store));

  const decode = <T extends object>(ofKind: () => AvroReader, record: Buffer): T | UnknownSchema => {
    const reader = ofKind();
    const id = schemaIdOf(record);
    const writer = reader.writer(id);
    if (writer === undefined) return { unknownSchema: id };
    const value = reader.decode(writer, record) as T;
    if (holdsReplacement(value) && !reader.isFaithful(writer, record)) {
      throw new RoomlogError('corrupt_record', 'A string of a record is not valid UTF-8.');
    }
    return value;
  };

  return {
    encodeInbound: (event) => encodeRecord(inboundType(), inboundId, writable(event)),
    encodeOutbound: (record) => encodeRecord(outboundType(), outboundId, withWritableBody(record)),
    encodeDeadLetter: (letter) => encodeRecord(deadLetterType(), deadLetterId, writable(letter)),
    encodeSequenced: (record, source) =>
      (record.event !== null && schemaIdOf(source) === inboundId
        ? spliceEvent(outboundId, record, record.event, source)
        : null) ?? encodeRecord(outboundType(), outboundId, withWritableBody(record)),
    decodeInbound: (record) => decode<InboundEvent>(inbound, record),
    viewInbound: (record) =>
      (inbound().isOwn(schemaIdOf(record)) ? readInboundFast(record) : null) ?? decode<InboundEvent>(inbound, record),
    decodeOutbound: (record) =>
      (outbound().isOwn(schemaIdOf(record)) ? readOutboundFast(record, 'copies') : null) ??
      decode<OutboundRecord>(outbound, record),
    viewOutbound: (record) =>
      (outbound().isOwn(schemaIdOf(record)) ? readOutboundFast(record, 'views') : null) ??
      decode<OutboundRecord>(outbound, record),
    decodeOutboundHead: (record) =>
      (outbound().isOwn(schemaIdOf(record)) ? readHeadFast(record) : null) ??
      decode<OutboundHead>(outboundHead, record),
    decodeDeadLetter: (record) => decode<DeadLetter>(deadLetter, record),
    encodeSnapshot: (record) => encodeLargeRecord(snapshotType(), snapshotId, withWritableManifest(record)),
    decodeSnapshot: (record) => {
      const id = schemaIdOf(record);
      const writer = snapshot().writer(id);
      return writer === undefined ? { unknownSchema: id } : (snapshot().decode(writer, record) as SnapshotRecord);
    },
    ensureSchema: async (id) => {
      await store.load(id);
    },
  };
}

/** The schema of an `OutboundHead`, out of the outbound one. */
function headSchema(text: string): string {
  const schema = JSON.parse(text);
  schema.fields = schema.fields.filter(({ name }: { name: string }) => name !== 'answer');
  const [, event] = schema.fields.find(({ name }: { name: string }) => name === 'event').type;
  event.fields = event.fields.filter(({ name }: { name: string }) => ['room', 'seq', 'expiresAt'].includes(name));
  return JSON.stringify(schema);
}

/** Checks the strings and turns byte arrays into views that avsc takes. The same object where nothing has to change. */
function writable<T extends object>(record: T): T {
  let changed: Record<string, unknown> | null = null;
  for (const name in record) {
    const value: unknown = record[name];
    if (typeof value === 'string') {
      if (!value.isWellFormed()) throw new RoomlogError('bad_frame', `"${name}" holds half of a surrogate pair.`);
    } else if (value instanceof Uint8Array && !Buffer.isBuffer(value)) {
      changed = { ...(changed ?? record), [name]: view(value) };
    }
  }
  return (changed as T | null) ?? record;
}

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function withWritableBody(record: OutboundRecord): OutboundRecord {
  const { claim, event, answer, skipped } = record;
  if (event !== null) {
    const body = writable(event);
    return body === event ? record : { ...record, event: body };
  }
  if (answer !== null) return { ...record, answer: writable(answer) };
  if (claim !== null) return { ...record, claim: writable(claim) };
  if (skipped !== null) return { ...record, skipped: writable(skipped) };
  return record;
}

function withWritableManifest(record: SnapshotRecord): SnapshotRecord {
  const { manifest } = record;
  if (manifest === null) return record;
  const chunks = manifest.chunks.map(({ kind, sha256 }) => ({ kind, sha256: view(sha256) }));
  return {
    ...record,
    manifest: { ...manifest, claimNonce: view(manifest.claimNonce), chunks, seal: view(manifest.seal) },
  };
}

/** Whether any string in the record, at any depth, holds U+FFFD. */
function holdsReplacement(record: object): boolean {
  for (const name in record) {
    const value: unknown = record[name as keyof typeof record];
    if (typeof value === 'string') {
      if (value.includes('\ufffd')) return true;
    } else if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value) && holdsReplacement(value)) {
      return true;
    }
  }
  return false;
}
