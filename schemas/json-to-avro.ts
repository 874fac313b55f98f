/**
 * From JSON values to Avro by a schema that is known only at run time. The JSON is the natural one, not Avro's own: a union's value
 * stands for itself, bytes are base64.
 *
 *     null, boolean, string   as they are          array, map, record   array, object, object
 *     int, long, float, double  a number; also "NaN", "Infinity", "-Infinity" for the last two
 *     enum   its symbol as a string                bytes, fixed   base64 with padding
 *     union  the first branch that takes the value
 *
 * A field that is missing has its default; one that the schema does not have is refused, or it would be lost.
 */
import { Buffer } from 'node:buffer';
import type avsc from 'avsc';
import { type AvroParts, partsOf } from './avro-parts.ts';
import type { AvroScratch } from './avro-scratch.ts';

/** Bytes of one value; JSON may say little where defaults say much. */
export const MAX_ENCODED_BYTES = 1_048_576;
/**
 * Values that may turn out not to fit a union's branch somewhere inside of them. Each level of a type that holds itself in two branches would
 * double them, and JSON of a few hundred bytes could keep a process busy for years.
 */
export const MAX_WRONG_BRANCHES = 10_000;
const MAX_INT = 2 ** 31 - 1;
const MAX_FLOAT = 3.402_823_466_385_288_6e38;
const INT64 = 64;
export const NOT_FINITE: ReadonlyMap<unknown, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/** The value does not fit. `path` names the place within the value: `.items[2].price`; '' is the value itself. */
export class Misfit extends Error {
  override readonly name = 'Misfit';
  path = '';

  within(place: string): this {
    this.path = place + this.path;
    return this;
  }
}

/** Appends a value. Throws `Misfit`. */
export type WriteJson = (value: unknown, into: AvroScratch) => void;

type Known = Map<avsc.Type, WriteJson>;

/** Of the value that is being written; one for the whole process, since writing is synchronous. */
let wrongBranches = 0;

/** Appends a whole value, with what it may cost counted from the beginning. Throws `Misfit`. */
export function writeWhole(write: WriteJson, value: unknown, into: AvroScratch): void {
  wrongBranches = 0;
  write(value, into);
}

/** @param value numbers that a double can't hold are bigints in it */
export function jsonWriter(type: avsc.Type, known: Known = new Map()): WriteJson {
  const found = known.get(type);
  if (found !== undefined) return found;
  // Types may hold themselves: whoever asks meanwhile gets what will be there.
  let made: WriteJson | null = null;
  known.set(type, (value, into) => made?.(value, into));
  made = writerOf(partsOf(type), known);
  known.set(type, made);
  return made;
}

function writerOf(parts: AvroParts, known: Known): WriteJson {
  const { typeName, itemsType, valuesType, types = [], underlyingType } = parts;
  if (underlyingType !== undefined) return jsonWriter(underlyingType, known);
  if (itemsType !== undefined) return arrayWriter(jsonWriter(itemsType, known));
  if (valuesType !== undefined) return mapWriter(jsonWriter(valuesType, known));
  if (typeName === 'record' || typeName === 'error') return recordWriter(parts, known);
  if (typeName.startsWith('union')) return unionWriter(types, known);
  if (typeName === 'enum') return enumWriter(parts.symbols ?? []);
  if (typeName === 'fixed') return fixedWriter(parts.size ?? 0);
  const simple = SIMPLE[typeName];
  if (simple === undefined) throw new Misfit(`There is no JSON for ${typeName}.`);
  return simple;
}

const SIMPLE: Readonly<Record<string, WriteJson>> = {
  null: (value) => {
    if (value !== null) throw new Misfit('not null');
  },
  boolean: (value, into) => {
    if (typeof value !== 'boolean') throw new Misfit('not a boolean');
    into.boolean(value);
  },
  string: (value, into) => {
    into.string(textOf(value));
  },
  bytes: (value, into) => {
    into.bytes(bytesOf(value));
  },
  int: (value, into) => {
    if (!Number.isInteger(value) || (value as number) > MAX_INT || (value as number) < -MAX_INT - 1) {
      throw new Misfit('not a whole number of 32 bits');
    }
    into.long(value as number);
  },
  long: (value, into) => {
    if (typeof value === 'bigint' && value === BigInt.asIntN(INT64, value)) into.bigLong(value);
    else if (Number.isSafeInteger(value)) into.long(value as number);
    else throw new Misfit('not a whole number of 64 bits');
  },
  float: (value, into) => {
    const number = numberOf(value);
    if (Number.isFinite(number) && Math.abs(number) > MAX_FLOAT) throw new Misfit('too large for a float');
    into.float(number);
  },
  double: (value, into) => {
    into.double(numberOf(value));
  },
};

function numberOf(value: unknown): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  // JSON.parse turns 1e400 into Infinity; who means infinity says so.
  if (typeof number === 'number' && Number.isFinite(number)) return number;
  const named = NOT_FINITE.get(value);
  if (named === undefined) throw new Misfit('not a number');
  return named;
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new Misfit('not a string');
  if (!value.isWellFormed()) throw new Misfit('not a text: it holds half of a surrogate pair');
  return value;
}

function bytesOf(value: unknown): Buffer {
  if (typeof value !== 'string') throw new Misfit('not base64 in a string');
  const bytes = Buffer.from(value, 'base64');
  if (bytes.toString('base64') !== value) throw new Misfit('not base64');
  return bytes;
}

function enumWriter(symbols: readonly string[]): WriteJson {
  const places = new Map<unknown, number>(symbols.map((symbol, place) => [symbol, place]));
  return (value, into) => {
    const place = places.get(value);
    if (place === undefined) throw new Misfit(`none of ${symbols.join(', ')}`);
    into.long(place);
  };
}

function fixedWriter(size: number): WriteJson {
  return (value, into) => {
    const bytes = bytesOf(value);
    if (bytes.length !== size) throw new Misfit(`not ${size} bytes`);
    into.raw(bytes);
  };
}

function arrayWriter(writeItem: WriteJson): WriteJson {
  return (value, into) => {
    if (!Array.isArray(value)) throw new Misfit('not an array');
    if (value.length > 0) into.long(value.length);
    for (let index = 0; index < value.length; index += 1) {
      within(`[${index}]`, () => writeItem(value[index], into));
      bounded(into);
    }
    into.long(0);
  };
}

function mapWriter(writeValue: WriteJson): WriteJson {
  return (value, into) => {
    const entries = Object.entries(objectOf(value));
    if (entries.length > 0) into.long(entries.length);
    for (const [key, inner] of entries) {
      within(`.${key}`, () => {
        into.string(textOf(key));
        writeValue(inner, into);
      });
      bounded(into);
    }
    into.long(0);
  };
}

function recordWriter({ fields = [] }: AvroParts, known: Known): WriteJson {
  const writers = fields.map(({ name, type, defaultValue }) => ({
    name,
    write: jsonWriter(type, known),
    missing: defaultBytes(type, defaultValue),
  }));
  const names = new Set(fields.map(({ name }) => name));
  return (value, into) => {
    const object = objectOf(value);
    for (const name of Object.keys(object)) {
      if (!names.has(name)) throw new Misfit('not a field of the schema').within(`.${name}`);
    }
    for (const { name, write, missing } of writers) {
      if (Object.hasOwn(object, name)) within(`.${name}`, () => write(object[name], into));
      else if (missing === null) throw new Misfit('missing').within(`.${name}`);
      else into.raw(missing);
    }
    bounded(into);
  };
}

function defaultBytes(type: avsc.Type, defaultValue: (() => unknown) | undefined): Buffer | null {
  const value = defaultValue?.();
  return value === undefined ? null : type.toBuffer(value);
}

function unionWriter(types: readonly avsc.Type[], known: Known): WriteJson {
  const branches = types.map((type, place) => ({ place, write: jsonWriter(type, known) }));
  const nullPlace = types.findIndex((type) => partsOf(type).typeName === 'null');
  const others = branches.filter(({ place }) => place !== nullPlace);
  return (value, into) => {
    if (value === null && nullPlace >= 0) {
      into.long(nullPlace);
      return;
    }
    const start = into.length;
    for (const { place, write } of others) {
      try {
        into.long(place);
        write(value, into);
        return;
      } catch (thrown) {
        // With one branch to choose from, its own complaint says most.
        if (!(thrown instanceof Misfit) || others.length === 1) throw thrown;
        if (thrown.path !== '') wrongBranches += 1;
        if (wrongBranches > MAX_WRONG_BRANCHES) throw new Misfit('too deep in unions to find out what it is');
        into.truncate(start);
      }
    }
    throw new Misfit('none of the union’s types');
  };
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Misfit('not an object');
  return value as Record<string, unknown>;
}

function within(place: string, write: () => void): void {
  try {
    write();
  } catch (thrown) {
    throw thrown instanceof Misfit ? thrown.within(place) : thrown;
  }
}

function bounded(into: AvroScratch): void {
  if (into.length > MAX_ENCODED_BYTES) throw new Misfit(`more than ${MAX_ENCODED_BYTES} bytes in Avro`);
}
