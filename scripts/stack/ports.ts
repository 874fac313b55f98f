/**
 * Which port is whose inside one block. Everything a stack listens on lies in `[base, base + BLOCK_PORTS)`, so two stacks
 * whose bases are that far apart never meet. docs/local-stack.md has the table.
 */
export const BLOCK_PORTS = 64;
export const MAX_GATEWAYS = 16;
export const MAX_SEQUENCERS = 16;
export const MAX_BROKERS = 3;

export interface GatewayPorts {
  readonly public: number;
  readonly admin: number;
}

export interface BrokerPorts {
  readonly client: number;
  readonly controller: number;
}

/** Numbers count from 1, as the processes' names do. */
export function gatewayPorts(base: number, number: number): GatewayPorts {
  return { public: base + 2 * (number - 1), admin: base + 2 * (number - 1) + 1 };
}

export function sequencerAdminPort(base: number, number: number): number {
  return base + 32 + (number - 1);
}

export function brokerPorts(base: number, number: number): BrokerPorts {
  return { client: base + 50 + 2 * (number - 1), controller: base + 50 + 2 * (number - 1) + 1 };
}

export function registryPort(base: number): number {
  return base + 60;
}

/** The registry's own health and metrics. */
export function registryAdminPort(base: number): number {
  return base + 61;
}

export function redisPort(base: number): number {
  return base + 62;
}
