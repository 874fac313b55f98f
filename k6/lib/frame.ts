/** A frame from the gateway, in the JSON subprotocol; fields as in docs/protocol.md. */
import type { Payload } from './room-reader.ts';

export interface ServerFrame {
  readonly type: string;
  readonly id?: number;
  readonly room?: string;
  readonly seq?: number;
  readonly cursor?: string;
  readonly session?: string;
  readonly data?: Payload;
  readonly events?: readonly ServerFrame[];
  readonly recovered?: boolean;
  readonly from?: number;
  readonly to?: number;
  readonly code?: string;
  readonly message?: string;
  readonly retryAfter?: number;
  readonly delay?: number;
}
