/** The subprotocols that a gateway speaks. */
import { avroEncoding } from './avro.ts';
import type { Encoding } from './encoding.ts';
import { createJsonEncoding, type JsonOf, jsonEncoding } from './json.ts';

/** Spoken where none is offered. */
export const DEFAULT_SUBPROTOCOL = jsonEncoding.subprotocol;
export const SUBPROTOCOLS: readonly string[] = [jsonEncoding.subprotocol, avroEncoding.subprotocol];

/** By subprotocol. */
export type Encodings = ReadonlyMap<string, Encoding>;

export const createEncodings = (jsonOf: JsonOf): Encodings =>
  new Map([createJsonEncoding(jsonOf), avroEncoding].map((encoding) => [encoding.subprotocol, encoding]));
