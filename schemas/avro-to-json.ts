/**
 * From Avro to JSON text by a schema that is known only at run time: what `json-to-avro.ts` takes, this gives back. Whole numbers are written
 * with all their digits.
 */
import type avsc from 'avsc';
import { RoomlogError } from '../core/errors.ts';
import type { AvroCursor } from './avro-cursor.ts';
import { type AvroParts, partsOf } from './avro-parts.ts';

/** Values inside each other: what JSON clients are allowed to send, and their parsers get. */
const MAX_DEPTH = 64;
/** Characters of JSON for one value: few bytes can stand for many, as in an array of records that hold nothing. */
const MAX_TEXT = 4_194_304;

/** How much has been read so far. */
export class ReadState {
  depth = 0;
  length = 0;
}

/** JSON text of the value at the cursor. Throws `corrupt_record`. */
export type ReadJson = (cursor: AvroCursor, state: ReadState) => string;

type Known = Map<avsc.Type, ReadJson>;

export function jsonReader(type: avsc.Type, known: Known = new Map()): ReadJson {
  const found = known.get(type);
  if (found !== undefined) return found;
  // Types may hold themselves: whoever asks meanwhile gets what will be there.
  let made: ReadJson | null = null;
  known.set(type, (cursor, state) => (made as ReadJson)(cursor, state));
  made = readerOf(partsOf(type), known);
  known.set(type, made);
  return made;
}

function readerOf(parts: AvroParts, known: Known): ReadJson {
  const { typeName, itemsType, valuesType, types = [], underlyingType, symbols = [], size = 0 } = parts;
  if (underlyingType !== undefined) return jsonReader(underlyingType, known);
  if (itemsType !== undefined) return nested(arrayReader(jsonReader(itemsType, known)));
  if (valuesType !== undefined) return nested(mapReader(jsonReader(valuesType, known)));
  if (typeName === 'record' || typeName === 'error') return nested(recordReader(parts, known));
  if (typeName.startsWith('union')) {
    const branches = types.map((branch) => jsonReader(branch, known));
    return (cursor, state) => (branches[cursor.branch(branches.length)] as ReadJson)(cursor, state);
  }
  if (typeName === 'enum') {
    const texts = symbols.map((symbol) => JSON.stringify(symbol));
    return (cursor, state) => counted(state, texts[cursor.branch(texts.length)] as string);
  }
  if (typeName === 'fixed') return (cursor, state) => counted(state, `"${cursor.fixed(size).toString('base64')}"`);
  const read = SIMPLE[typeName];
  if (read === undefined) throw new RoomlogError('corrupt_record', `There is no JSON for ${typeName}.`);
  return (cursor, state) => counted(state, read(cursor));
}

const SIMPLE: Readonly<Record<string, (cursor: AvroCursor) => string>> = {
  null: () => 'null',
  boolean: (cursor) => `${cursor.boolean()}`,
  int: (cursor) => cursor.longText(),
  long: (cursor) => cursor.longText(),
  float: (cursor) => numberText(cursor.fixed(4).readFloatLE()),
  double: (cursor) => numberText(cursor.fixed(8).readDoubleLE()),
  string: (cursor) => JSON.stringify(cursor.string()),
  bytes: (cursor) => `"${cursor.bytes().toString('base64')}"`,
};

function numberText(number: number): string {
  if (!Number.isFinite(number)) return `"${number}"`;
  return Object.is(number, -0) ? '-0' : `${number}`;
}

function arrayReader(readItem: ReadJson): ReadJson {
  return (cursor, state) => `[${cursor.array(1, () => readItem(cursor, state)).join(',')}]`;
}

function mapReader(readValue: ReadJson): ReadJson {
  return (cursor, state) => {
    const members = cursor.array(1, () => {
      const key = counted(state, JSON.stringify(cursor.string()));
      return `${key}:${readValue(cursor, state)}`;
    });
    return `{${members.join(',')}}`;
  };
}

function recordReader({ fields = [] }: AvroParts, known: Known): ReadJson {
  const readers = fields.map(({ name, type }, index) => ({
    key: `${index === 0 ? '' : ','}${JSON.stringify(name)}:`,
    read: jsonReader(type, known),
  }));
  return (cursor, state) => {
    let text = '{';
    for (const { key, read } of readers) text += counted(state, key) + read(cursor, state);
    return `${text}}`;
  };
}

function nested(read: ReadJson): ReadJson {
  return (cursor, state) => {
    state.depth += 1;
    if (state.depth > MAX_DEPTH) throw new RoomlogError('corrupt_record', `It nests deeper than ${MAX_DEPTH}.`);
    const text = read(cursor, state);
    state.depth -= 1;
    state.length += 2;
    return text;
  };
}

function counted(state: ReadState, text: string): string {
  state.length += text.length + 1;
  if (state.length > MAX_TEXT) throw new RoomlogError('corrupt_record', `It is more than ${MAX_TEXT} bytes of JSON.`);
  return text;
}
