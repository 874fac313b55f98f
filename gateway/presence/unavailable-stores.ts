/** Presence and ephemeral events where there is no Redis adapter: they answer `unavailable`, durable events are untouched. */
import { RoomlogError } from '../../core/errors.ts';
import type { EphemeralBus } from '../../core/ports/ephemeral-bus.ts';
import type { PresenceStore } from '../../core/ports/presence-store.ts';

const unreachable = async (): Promise<never> => {
  throw new RoomlogError('redis_unreachable');
};

export const unavailablePresence: PresenceStore = {
  join: unreachable,
  leave: async () => {},
  members: unreachable,
  watch: () => {},
  unwatch: () => {},
  available: false,
  start: async () => {},
  stop: async () => {},
};

export const unavailableBus: EphemeralBus = {
  publish: unreachable,
  listen: () => {},
  unlisten: () => {},
  available: false,
  start: async () => {},
  stop: async () => {},
};
