import type { PresenceStore } from '../../core/ports/presence-store.ts';
import { MAX_LISTED, presenceStoreContract } from '../../test/contract/presence-store.ts';
import { MemoryPresence, PresenceHub } from './presence.ts';

presenceStoreContract('memory', async () => {
  const hub = new PresenceHub();
  return {
    open: async () => {
      const store = new MemoryPresence(hub, MAX_LISTED);
      await store.start();
      return store;
    },
    crash: async (store: PresenceStore) => hub.drop(store as MemoryPresence),
    flush: async () => hub.flush(),
    takeDown: async () => hub.takeDown(),
    bringUp: async () => hub.up(),
    close: async () => {},
  };
});
