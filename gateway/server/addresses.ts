/** How many sockets each remote address holds, so that one of them can't take all places. */

const MAPPED_IPV4 = '::ffff:';
const IPV6_GROUPS = 8;
/** Groups of an IPv6 address that name a network: whoever has one address of a /64 has them all. */
const NETWORK_GROUPS = 4;

/** What a remote address is counted under: an IPv4 address (also one written as IPv6), or an IPv6 /64. */
export function networkOf(address: string): string {
  if (address.toLowerCase().startsWith(MAPPED_IPV4) && address.includes('.')) return address.slice(MAPPED_IPV4.length);
  if (!address.includes(':')) return address;
  const [head = '', tail] = (address.split('%')[0] as string).split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, IPV6_GROUPS - before.length - after.length);
  const groups = [...before, ...new Array<string>(zeros).fill('0'), ...after];
  return `${groups.slice(0, NETWORK_GROUPS).join(':')}::/64`;
}

/** Bounded by the connections of the gateway. */
export class Addresses {
  readonly #limit: number;
  readonly #counts = new Map<string, number>();

  /** @param limit per address, at least 1 */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Addresses that hold a socket. */
  get size(): number {
    return this.#counts.size;
  }

  /** Counts a socket; false, and nothing done, where its address has too many. Every one that entered has to exit. */
  enter(address: string): boolean {
    const network = networkOf(address);
    const count = this.#counts.get(network) ?? 0;
    if (count >= this.#limit) return false;
    this.#counts.set(network, count + 1);
    return true;
  }

  exit(address: string): void {
    const network = networkOf(address);
    const count = this.#counts.get(network) ?? 0;
    if (count <= 1) this.#counts.delete(network);
    else this.#counts.set(network, count - 1);
  }
}
