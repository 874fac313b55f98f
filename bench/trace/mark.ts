/** How a traced event is known in every process: by the time it should have been sent at, as its payload says it. */
const MARK = Buffer.from('{"t":');
const COMMA = 0x2c;

/** Null where the bytes hold no event of a bench. */
export function markIn(bytes: Buffer): string | null {
  const at = bytes.indexOf(MARK);
  return at < 0 ? null : bytes.toString('latin1', at + MARK.length, bytes.indexOf(COMMA, at));
}
