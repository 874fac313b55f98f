import { describe, expect, it } from 'vitest';
import {
  BLOCK_PORTS,
  brokerPorts,
  gatewayPorts,
  MAX_BROKERS,
  MAX_GATEWAYS,
  MAX_SEQUENCERS,
  redisPort,
  registryAdminPort,
  registryPort,
  sequencerAdminPort,
} from './ports.ts';

const BASE = 7400;

function allPorts(): number[] {
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
  return [
    ...numbers(MAX_GATEWAYS).flatMap((number) => Object.values(gatewayPorts(BASE, number))),
    ...numbers(MAX_SEQUENCERS).map((number) => sequencerAdminPort(BASE, number)),
    ...numbers(MAX_BROKERS).flatMap((number) => Object.values(brokerPorts(BASE, number))),
    registryPort(BASE),
    registryAdminPort(BASE),
    redisPort(BASE),
  ];
}

describe('the port block', () => {
  it('gives the first port to the first gateway', () => {
    expect(gatewayPorts(BASE, 1).public).toBe(BASE);
  });

  it('gives no port to two', () => {
    const ports = allPorts();
    expect(new Set(ports).size).toBe(ports.length);
  });

  it('holds every port, however many processes are asked for', () => {
    for (const port of allPorts()) {
      expect(port).toBeGreaterThanOrEqual(BASE);
      expect(port).toBeLessThan(BASE + BLOCK_PORTS);
    }
  });
});
