import { describe, expect, it } from 'vitest';
import { BLOCK_PORTS } from '../../scripts/stack/ports.ts';
import { metricOf, parseMetrics } from './metrics.ts';
import { NetworkPorts, ROLES, SERVICES } from './network.ts';

describe('the ports of the network', () => {
  it('are all different and lie in one block', () => {
    const ports = new NetworkPorts(20_000);
    const all = [
      ports.api,
      ...SERVICES.map((name) => ports.service(name)),
      ...ROLES.flatMap((role) => [1, 2, 3].flatMap((node) => [ports.listener(role, node), ports.proxy(role, node)])),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(all.every((port) => port >= 20_000 && port < 20_000 + BLOCK_PORTS)).toBe(true);
  });

  it('gives each broker a listener per role whose clients are sent to its proxy', () => {
    const ports = new NetworkPorts(20_000);
    const listeners = ports.listeners();
    expect(listeners.map(({ name }) => name)).toEqual(['GATEWAY', 'SEQUENCER_1', 'SEQUENCER_2', 'TOOLS']);
    expect(ports.brokers('tools')).toEqual([1, 2, 3].map((node) => `127.0.0.1:${listeners[3]?.advertisedPort(node)}`));
  });
});

describe('reading metrics', () => {
  const text = `# HELP a_total What.
a_total{kind="x",process="1"} 3
a_total{kind="y"} 4 1700000000000
b 1.5e3
`;
  it('adds up the series that have the labels', () => {
    const series = parseMetrics(text);
    expect(metricOf(series, 'a_total', {})).toBe(7);
    expect(metricOf(series, 'a_total', { kind: 'x' })).toBe(3);
    expect(metricOf(series, 'b', {})).toBe(1_500);
    expect(metricOf(series, 'missing', {})).toBe(0);
  });
});
