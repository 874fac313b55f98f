/**
 * Branded primitives. A brand costs nothing at run time and keeps an offset from being passed where an epoch is meant.
 * The constructors are the only places where a brand is given.
 */
import { RoomlogError } from './errors.ts';

declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** A room's name: 1 to 200 bytes of UTF-8 without control characters, compared byte for byte. */
export type RoomId = Branded<string, 'RoomId'>;
/** The token's `sub`. */
export type UserId = Branded<string, 'UserId'>;
/** A publisher's session: a UUIDv7 in its canonical lower-case form. */
export type SessionId = Branded<string, 'SessionId'>;
/** One socket, unique over all gateways and their restarts. */
export type ConnectionId = Branded<string, 'ConnectionId'>;
/** A gateway instance's name. */
export type GatewayId = Branded<string, 'GatewayId'>;
/** A partition's number, 0 to P-1. */
export type Partition = Branded<number, 'Partition'>;
/**
 * A record's offset in its partition: a safe integer, or -1 for "before the first record". See ADR 0006 for why this is
 * a number and not a bigint.
 */
export type Offset = Branded<number, 'Offset'>;
/** The offset of the claim that a writer writes under; -1 before the first claim. */
export type Epoch = Branded<number, 'Epoch'>;
/** A room's event number: 1, 2, 3, … Assigned by the sequencer. 0 means "no event yet". */
export type Seq = Branded<number, 'Seq'>;
/** A session's publish number in one room: 1, 2, 3, … Assigned by the client. */
export type Pub = Branded<number, 'Pub'>;

/** "Before the first record". */
export const NO_OFFSET = -1 as Offset;
/** "No claim seen yet". */
export const NO_EPOCH = -1 as Epoch;

export const roomId = (name: string): RoomId => name as RoomId;
export const userId = (name: string): UserId => name as UserId;
export const sessionId = (uuid: string): SessionId => uuid as SessionId;
export const connectionId = (id: string): ConnectionId => id as ConnectionId;
export const gatewayId = (name: string): GatewayId => name as GatewayId;
export const partition = (number: number): Partition => number as Partition;
export const seq = (number: number): Seq => number as Seq;
export const pub = (number: number): Pub => number as Pub;
export const epoch = (claimOffset: number): Epoch => claimOffset as Epoch;

/** Brands an offset. Throws `corrupt_record` past 2^53 and for whatever is no offset: a client library went wrong. */
export function offset(value: number | bigint | string): Offset {
  const number = value === '' ? Number.NaN : Number(value);
  if (!Number.isSafeInteger(number) || number < -1) {
    throw new RoomlogError('corrupt_record', `Not a Kafka offset: ${JSON.stringify(String(value))}.`);
  }
  return number as Offset;
}
