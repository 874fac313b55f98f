/** What a coordinator says that a member has to act on, by Kafka's names. */
import { BrokerRefusal } from './transport.ts';

export const WAITING_FOR_MEMBERS = 'REBALANCE_IN_PROGRESS';
export const REJOIN = new Set([WAITING_FOR_MEMBERS, 'ILLEGAL_GENERATION']);
export const FORGOTTEN = new Set(['UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID']);
export const REFUSED = new Set([
  'GROUP_AUTHORIZATION_FAILED',
  'TOPIC_AUTHORIZATION_FAILED',
  'INVALID_SESSION_TIMEOUT',
  'INVALID_GROUP_ID',
  'INCONSISTENT_GROUP_PROTOCOL',
  'GROUP_MAX_SIZE_REACHED',
]);

/** undefined for what is no answer of a broker. */
export const typeOf = (thrown: unknown) => (thrown instanceof BrokerRefusal ? thrown.type : undefined);
