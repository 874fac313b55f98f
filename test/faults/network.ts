/**
 * The ways between Roomlog's processes and Kafka, Redis and the registry, each through a toxiproxy of its own, so that it can be
 * cut, slowed and made to lose answers. Each broker has one listener per role; what a role's clients learn from metadata is the
 * proxy's address, never the broker's own.
 *
 *     gateway-1 … N ──▶ proxy gateway/1..3      ──▶ listener GATEWAY of kafka-1..3
 *     sequencer-1   ──▶ proxy sequencer-1/1..3  ──▶ listener SEQUENCER_1
 *     the others    ──▶ proxy sequencer-2/1..3  ──▶ listener SEQUENCER_2
 *     verify, dump  ──▶ proxy tools/1..3        ──▶ listener TOOLS
 */
import type { RoleListener } from '../../scripts/stack/kafka.ts';

export const ROLES = ['gateway', 'sequencer-1', 'sequencer-2', 'tools'] as const;
export type Role = (typeof ROLES)[number];
/** What else goes through a proxy; one each. */
export const SERVICES = ['redis', 'registry'] as const;
export type Way = Role | (typeof SERVICES)[number];

const BROKERS = 3;
const PORTS_PER_BROKER = 8;
const FIRST_BROKER_PORT = 8;
const REQUEST_WITHIN_MS = 15_000;

/** toxiproxy's toxics: `timeout` swallows what is sent (0: until it is removed), `latency` holds it back, `reset_peer` loses it. */
export interface Toxic {
  readonly type: 'timeout' | 'latency' | 'reset_peer' | 'bandwidth' | 'limit_data';
  /** `upstream`: requests, `downstream`: answers. */
  readonly stream: 'upstream' | 'downstream';
  /** Share of the connections that get it. Default: 1. */
  readonly toxicity?: number;
  readonly attributes: Readonly<Record<string, number>>;
}

/** One block of 64 ports: 0 toxiproxy's API, 1 Redis, 2 registry, then eight for each broker. */
export class NetworkPorts {
  readonly base: number;

  constructor(base: number) {
    this.base = base;
  }

  get api(): number {
    return this.base;
  }

  service(name: (typeof SERVICES)[number]): number {
    return this.base + 1 + SERVICES.indexOf(name);
  }

  listener(role: Role, node: number): number {
    return this.base + FIRST_BROKER_PORT + PORTS_PER_BROKER * (node - 1) + 2 * ROLES.indexOf(role);
  }

  proxy(role: Role, node: number): number {
    return this.listener(role, node) + 1;
  }

  listeners(): RoleListener[] {
    return ROLES.map((role) => ({
      name: role.toUpperCase().replaceAll('-', '_'),
      port: (node: number) => this.listener(role, node),
      advertisedPort: (node: number) => this.proxy(role, node),
    }));
  }

  /** Bootstrap addresses for a role's clients. */
  brokers(role: Role): string[] {
    return nodes().map((node) => `127.0.0.1:${this.proxy(role, node)}`);
  }
}

export class Network {
  readonly #api: string;
  readonly #ports: NetworkPorts;
  #toxics = 0;

  constructor(ports: NetworkPorts) {
    this.#ports = ports;
    this.#api = `http://127.0.0.1:${ports.api}`;
  }

  /** Makes all proxies. `upstreams`: the real ports of the services. */
  async open(upstreams: Readonly<Record<(typeof SERVICES)[number], number>>): Promise<void> {
    const proxies = [
      ...ROLES.flatMap((role) =>
        nodes().map((node) => ({
          name: nameOf(role, node),
          listen: `127.0.0.1:${this.#ports.proxy(role, node)}`,
          upstream: `127.0.0.1:${this.#ports.listener(role, node)}`,
        })),
      ),
      ...SERVICES.map((name) => ({
        name,
        listen: `127.0.0.1:${this.#ports.service(name)}`,
        upstream: `127.0.0.1:${upstreams[name]}`,
      })),
    ];
    await this.#call('POST', '/populate', proxies);
  }

  /** Throws while toxiproxy does not answer. */
  async ready(): Promise<void> {
    await this.#call('GET', '/version');
  }

  /** Adds a toxic to every proxy of these ways; `nodes`: only to those brokers. Resolves to what takes exactly it away again. */
  async add(ways: readonly Way[], toxic: Toxic, only?: readonly number[]): Promise<() => Promise<void>> {
    this.#toxics += 1;
    const name = `${toxic.type}-${this.#toxics}`;
    const proxies = ways.flatMap((way) => proxiesOf(way, only));
    const { toxicity = 1, ...rest } = toxic;
    await Promise.all(
      proxies.map((proxy) => this.#call('POST', `/proxies/${proxy}/toxics`, { ...rest, name, toxicity })),
    );
    return async () => {
      await Promise.all(proxies.map((proxy) => this.#call('DELETE', `/proxies/${proxy}/toxics/${name}`)));
    };
  }

  /** Swallows one direction, or both; connections stay open. */
  async swallow(ways: readonly Way[], direction: 'requests' | 'answers' | 'both'): Promise<() => Promise<void>> {
    const streams = { requests: ['upstream'], answers: ['downstream'], both: ['upstream', 'downstream'] } as const;
    const undo = await Promise.all(
      streams[direction].map((stream) => this.add(ways, { type: 'timeout', stream, attributes: { timeout: 0 } })),
    );
    return async () => {
      await Promise.all(undo.map((one) => one()));
    };
  }

  /** Ends all connections and refuses new ones. */
  async cut(ways: readonly Way[]): Promise<() => Promise<void>> {
    const proxies = ways.flatMap((way) => proxiesOf(way));
    const enable = async (enabled: boolean): Promise<void> => {
      await Promise.all(proxies.map((proxy) => this.#call('POST', `/proxies/${proxy}`, { enabled })));
    };
    await enable(false);
    return () => enable(true);
  }

  /** Takes everything away. */
  async heal(): Promise<void> {
    await this.#call('POST', '/reset');
  }

  async #call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.#api}${path}`, {
      method,
      signal: AbortSignal.timeout(REQUEST_WITHIN_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    // A toxic that the reset took away is gone as well.
    if (!response.ok && !(method === 'DELETE' && response.status === 404)) {
      throw new Error(`toxiproxy: ${method} ${path} answered ${response.status}: ${text.slice(0, 300)}`);
    }
    return text;
  }
}

function proxiesOf(way: Way, only: readonly number[] = nodes()): string[] {
  if (way === 'redis' || way === 'registry') return [way];
  return only.map((node) => nameOf(way, node));
}

const nameOf = (role: Role, node: number): string => `${role}.${node}`;
const nodes = (): number[] => Array.from({ length: BROKERS }, (_, index) => index + 1);
