/** Who reads and publishes where, known to every VU without asking another: all of it follows from a client's number. */

export interface Plan {
  readonly clients: number;
  /** Numbers of the rooms that a client joins. */
  reads(client: number): readonly number[];
  /** Numbers of the rooms that a client publishes to. */
  publishes(client: number): readonly number[];
  /** Whether the client ends the room: publishes an event there after which no other comes. */
  ends(client: number, room: number): boolean;
  /** How many clients end the room. */
  endsOf(room: number): number;
}

/** Client i is in room i mod R; the first R clients publish there, one a room, and end it. */
export function onePublisherPerRoom(clients: number, rooms: number): Plan {
  const room = (client: number): number[] => [client % rooms];
  return {
    clients,
    reads: room,
    publishes: (client) => (client < rooms ? room(client) : []),
    ends: (client) => client < rooms,
    endsOf: () => 1,
  };
}

/** Client i publishes to room i mod R; the first R clients read, one a room, until every publisher has ended. */
export function oneReaderPerRoom(clients: number, rooms: number): Plan {
  const room = (client: number): number[] => [client % rooms];
  return {
    clients,
    reads: (client) => (client < rooms ? room(client) : []),
    publishes: room,
    ends: () => true,
    endsOf: (number) => membersOf(number, clients, rooms),
  };
}

/** Where client i is in room i mod R. */
const membersOf = (room: number, clients: number, rooms: number): number =>
  Math.floor(clients / rooms) + (room < clients % rooms ? 1 : 0);

/** Client i reads and publishes in room i mod R, and all end it. */
export function everybodyInOneRoom(clients: number, rooms: number): Plan {
  const room = (client: number): number[] => [client % rooms];
  return {
    clients,
    reads: room,
    publishes: room,
    ends: () => true,
    endsOf: (number) => membersOf(number, clients, rooms),
  };
}

/** All read, and nobody publishes. */
export function silent(clients: number, rooms: number): Plan {
  return {
    clients,
    reads: (client) => (rooms === 0 ? [] : [client % rooms]),
    publishes: () => [],
    ends: () => false,
    endsOf: () => 0,
  };
}

/** As in a chat: each client reads and publishes in `perClient` rooms, popular ones more likely (room k by 1/k). One member ends a room. */
export function chat(clients: number, rooms: number, perClient: number): Plan {
  const roomsOf: number[][] = [];
  const endOf = new Map<number, number>();
  const popularity = cumulativePopularity(rooms);
  for (let client = 0; client < clients; client++) {
    const chosen = new Set<number>();
    for (let draw = 0; chosen.size < Math.min(perClient, rooms); draw++) {
      const room = pick(popularity, noise(client, draw));
      // The popular ones are soon taken: then the next that is free.
      chosen.add(chosen.has(room) ? (room + draw) % rooms : room);
    }
    const mine = [...chosen];
    roomsOf.push(mine);
    for (const room of mine) if (!endOf.has(room)) endOf.set(room, client);
  }
  const of = (client: number): readonly number[] => roomsOf[client] ?? [];
  return {
    clients,
    reads: of,
    publishes: of,
    ends: (client, room) => endOf.get(room) === client,
    endsOf: () => 1,
  };
}

function cumulativePopularity(rooms: number): number[] {
  let total = 0;
  return Array.from({ length: rooms }, (_, index) => {
    total += 1 / (index + 1);
    return total;
  });
}

/** Index of the first entry above `share` of the last. */
function pick(cumulative: readonly number[], share: number): number {
  const wanted = share * (cumulative.at(-1) ?? 0);
  let [low, high] = [0, cumulative.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cumulative[middle] ?? 0) > wanted) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** From 0 to 1, the same for the same two numbers in every VU (the finaliser of MurmurHash3). */
function noise(a: number, b: number): number {
  let hash = Math.imul(a + 1, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
