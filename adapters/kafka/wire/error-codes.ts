/** Kafka's error codes (https://kafka.apache.org/protocol#protocol_error_codes) as far as their difference matters here. */
import { type ErrorCode, RoomlogError } from '../../../core/errors.ts';

export const CODES = {
  none: 0,
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  notLeaderOrFollower: 6,
  requestTimedOut: 7,
  replicaNotAvailable: 9,
  messageTooLarge: 10,
  invalidTopic: 17,
  recordListTooLarge: 18,
  notEnoughReplicas: 19,
  notEnoughReplicasAfterAppend: 20,
  invalidRequiredAcks: 21,
  topicAuthorizationFailed: 29,
  clusterAuthorizationFailed: 31,
  invalidTimestamp: 32,
  unsupportedVersion: 35,
  topicAlreadyExists: 36,
  invalidRequest: 42,
  unsupportedForMessageFormat: 43,
  policyViolation: 44,
  transactionalIdAuthorizationFailed: 53,
  fencedLeaderEpoch: 74,
  unknownLeaderEpoch: 75,
  unsupportedCompressionType: 76,
  invalidRecord: 87,
} as const;

const NAMES = new Map<number, string>(
  Object.entries(CODES).map(([name, code]) => [code, name.replace(/[A-Z]/g, '_$&').toUpperCase()]),
);

export const codeName = (code: number) => NAMES.get(code) ?? `error code ${code}`;

/** An error of the table for a broker's code. */
export function brokerError(as: ErrorCode, code: number, details: Record<string, unknown>): RoomlogError {
  const error = new RoomlogError(as, undefined, { details: { ...details, kafkaCode: code } });
  error.message += ` (Kafka said ${codeName(code)}.)`;
  return error;
}
