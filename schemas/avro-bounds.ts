/**
 * Looks over a record before it is decoded: whether every length in it is one that its bytes can hold. avsc believes the count of
 * an array's block, so one damaged byte would have it collect values from behind the record's end until memory runs out.
 * Only for schemas with arrays or maps; others are bounded by their own fields.
 */
import type avsc from 'avsc';
import { partsOf } from './avro-parts.ts';

/** Goes past one value; -1 where it does not fit. */
type Skip = (bytes: Buffer, at: number) => number;

/** The most bytes that a long takes. */
const MAX_LONG_BYTES = 10;

/** null for a schema that needs no look. */
export function boundsOf(type: avsc.Type): ((record: Buffer, from: number) => boolean) | null {
  if (!isUnbounded(type, new Set())) return null;
  const skip = skipOf(type, new Map());
  return (record, from) => skip(record, from) >= 0;
}

function isUnbounded(type: avsc.Type, seen: Set<avsc.Type>): boolean {
  if (seen.has(type)) return true;
  const { typeName, fields, types, underlyingType } = partsOf(type);
  if (typeName === 'array' || typeName === 'map') return true;
  // A record that can hold itself is one too; the same type twice side by side is no harm.
  const within = new Set(seen).add(type);
  const inner = [...(fields?.map((field) => field.type) ?? []), ...(types ?? [])];
  if (underlyingType !== undefined) inner.push(underlyingType);
  return inner.some((part) => isUnbounded(part, within));
}

function skipOf(type: avsc.Type, known: Map<avsc.Type, Skip>): Skip {
  const found = known.get(type);
  if (found !== undefined) return found;
  // Types may hold themselves: whoever asks meanwhile gets what will be there.
  let made: Skip | null = null;
  known.set(type, (bytes, at) => (made === null ? -1 : made(bytes, at)));
  made = makeSkip(type, known);
  known.set(type, made);
  return made;
}

function makeSkip(type: avsc.Type, known: Map<avsc.Type, Skip>): Skip {
  const { typeName, fields = [], itemsType, valuesType, types = [], underlyingType, size = 0 } = partsOf(type);
  if (underlyingType !== undefined) return skipOf(underlyingType, known);
  if (typeName === 'array' && itemsType !== undefined) return skipBlocks(skipOf(itemsType, known));
  if (typeName === 'map' && valuesType !== undefined) {
    const skipValue = skipOf(valuesType, known);
    return skipBlocks((bytes, at) => {
      const behindKey = skipBytes(bytes, at);
      return behindKey < 0 ? -1 : skipValue(bytes, behindKey);
    });
  }
  if (typeName === 'record' || typeName === 'error') {
    const skips = fields.map((field) => skipOf(field.type, known));
    return (bytes, at) => skips.reduce((behind, skip) => (behind < 0 ? -1 : skip(bytes, behind)), at);
  }
  if (typeName.startsWith('union')) {
    const skips = types.map((branch) => skipOf(branch, known));
    return (bytes, at) => {
      const skip = skips[longAt(bytes, at)];
      return skip === undefined ? -1 : skip(bytes, skipLong(bytes, at));
    };
  }
  if (typeName === 'string' || typeName === 'bytes') return skipBytes;
  if (typeName === 'int' || typeName === 'long' || typeName === 'enum') return skipLong;
  const width = { null: 0, boolean: 1, float: 4, double: 8, fixed: size }[typeName];
  return width === undefined ? () => -1 : (bytes, at) => (at + width <= bytes.length ? at + width : -1);
}

/** Blocks of items: a count, where negative followed by the block's bytes, then the items; 0 ends. */
function skipBlocks(skipItem: Skip): Skip {
  return (bytes, from) => {
    let at = from;
    for (;;) {
      const count = longAt(bytes, at);
      at = skipLong(bytes, at);
      if (at < 0) return -1;
      if (count === 0) return at;
      if (count < 0) at = skipLong(bytes, at);
      // An item without any bytes may not be there more often than others could.
      if (at < 0 || Math.abs(count) > bytes.length - at) return -1;
      for (let left = Math.abs(count); left > 0; left--) {
        at = skipItem(bytes, at);
        if (at < 0) return -1;
      }
    }
  };
}

function skipBytes(bytes: Buffer, at: number): number {
  const length = longAt(bytes, at);
  const from = skipLong(bytes, at);
  return from < 0 || length < 0 || length > bytes.length - from ? -1 : from + length;
}

function skipLong(bytes: Buffer, at: number): number {
  const end = Math.min(bytes.length, at + MAX_LONG_BYTES);
  for (let behind = at; behind < end; behind++) if ((bytes[behind] as number) < 0x80) return behind + 1;
  return -1;
}

/** Zig-zag; too large for a double is too large for anything. */
function longAt(bytes: Buffer, at: number): number {
  let value = 0;
  let scale = 1;
  for (let place = at; place < bytes.length; place++) {
    const byte = bytes[place] as number;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
    scale *= 128;
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
