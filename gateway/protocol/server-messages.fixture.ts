/** Whole, unmasked WebSocket messages as a server writes them; by RFC 6455, not by our writer. */

export interface ServerMessage {
  /** FIN, the reserved bits and the opcode. */
  readonly first: number;
  readonly payload: Buffer;
}

/** One after the other; throws at a masked one. */
export function* serverMessages(bytes: Buffer): Generator<ServerMessage> {
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] as number;
    let length = bytes[at + 1] as number;
    if (length > 127) throw new Error(`a masked frame at ${at}`);
    at += 2;
    if (length === 126) {
      length = bytes.readUInt16BE(at);
      at += 2;
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(at));
      at += 8;
    }
    yield { first, payload: bytes.subarray(at, at + length) };
    at += length;
  }
}
