import { describe, expect, it } from 'vitest';
import {
  chat,
  everybodyInOneRoom,
  onePublisherPerRoom,
  oneReaderPerRoom,
  type Plan,
  silent,
} from '../../../k6/lib/plan.ts';

const PLANS: [string, Plan][] = [
  ['one publisher per room', onePublisherPerRoom(13, 5)],
  ['one reader per room', oneReaderPerRoom(13, 5)],
  ['everybody in one room', everybodyInOneRoom(13, 5)],
  ['chat', chat(40, 12, 3)],
  ['chat in as many rooms as there are', chat(7, 3, 3)],
  ['silence', silent(13, 4)],
  ['silence without rooms', silent(13, 0)],
];

describe.each(PLANS)('a plan of %s', (_name, plan) => {
  const clients = Array.from({ length: plan.clients }, (_, client) => client);
  const publishersOf = (room: number) => clients.filter((client) => plan.publishes(client).includes(room));

  it('has as many end a room as it says, each a publisher there', () => {
    for (const room of new Set(clients.flatMap((client) => plan.reads(client)))) {
      const enders = publishersOf(room).filter((client) => plan.ends(client, room));
      expect(enders).toHaveLength(plan.endsOf(room));
    }
  });

  it('has a reader in every room that is published to', () => {
    const read = new Set(clients.flatMap((client) => plan.reads(client)));
    for (const room of clients.flatMap((client) => plan.publishes(client))) expect(read).toContain(room);
  });

  it('has nobody in a room twice', () => {
    for (const client of clients) expect(new Set(plan.reads(client)).size).toBe(plan.reads(client).length);
  });
});

describe('a chat', () => {
  it('has more members in popular rooms, and every client in as many as asked for', () => {
    const plan = chat(2_000, 50, 3);
    const members = new Array<number>(50).fill(0);
    for (let client = 0; client < 2_000; client++) {
      expect(plan.reads(client)).toHaveLength(3);
      for (const room of plan.reads(client)) members[room] = (members[room] ?? 0) + 1;
    }
    expect(members[0]).toBeGreaterThan(5 * (members[40] ?? 0));
  });
});
