import { afterEach, describe, expect, it } from 'vitest';
import { createMetrics, MAX_SERIES, type Metrics } from './metrics.ts';

let metrics: Metrics = createMetrics();
afterEach(async () => {
  await metrics.shutdown();
  metrics = createMetrics();
});

/** Sample lines only. */
const samples = async (): Promise<string[]> =>
  (await metrics.render()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe('metrics', () => {
  it('render under exactly the names that they were given', async () => {
    metrics.counter('websocket_messages_total', 'Frames').with({ type: 'event', direction: 'out' }).add(3);
    metrics.gauge('websocket_connections', 'Open connections', () => 12);
    metrics.histogram('websocket_message_latency_ms', 'Publish to delivery', [1, 10]).record(4);
    const text = await metrics.render();
    expect(text).toContain('# TYPE websocket_messages_total counter\n');
    expect(text).toContain('websocket_messages_total{type="event",direction="out"} 3\n');
    expect(text).toContain('# TYPE websocket_connections gauge\nwebsocket_connections 12\n');
    expect(text).toContain('websocket_message_latency_ms_bucket{le="1"} 0\n');
    expect(text).toContain('websocket_message_latency_ms_bucket{le="10"} 1\n');
    expect(text).toContain('websocket_message_latency_ms_bucket{le="+Inf"} 1\n');
    expect(text).toContain('websocket_message_latency_ms_sum 4\n');
    expect(text).not.toContain('_total_total');
    expect(text).not.toContain('otel_scope');
    expect(text).not.toContain('target_info');
  });

  it('count into one series whatever the order of the labels, bound or not', async () => {
    const counter = metrics.counter('roomlog_errors_total', 'Errors');
    counter.with({ code: 'bad_frame', side: 'edge' }).add();
    counter.add(2, { side: 'edge', code: 'bad_frame' });
    expect(await samples()).toEqual(['roomlog_errors_total{code="bad_frame",side="edge"} 3']);
  });

  it('never go back between two renderings', async () => {
    const counter = metrics.counter('roomlog_x_total', 'x');
    counter.add(5);
    expect(await samples()).toEqual(['roomlog_x_total 5']);
    expect(await samples()).toEqual(['roomlog_x_total 5']);
    counter.add();
    expect(await samples()).toEqual(['roomlog_x_total 6']);
  });

  it('give the same instrument for the same name, and replace the reader of a gauge', async () => {
    metrics.counter('roomlog_x_total', 'x').add();
    metrics.counter('roomlog_x_total', 'x').add();
    metrics.gauge('roomlog_g', 'g', () => 1);
    metrics.gauge('roomlog_g', 'g', () => [
      [2, { partition: 0 }],
      [3, { partition: 1 }],
    ]);
    expect((await samples()).sort()).toEqual([
      'roomlog_g{partition="0"} 2',
      'roomlog_g{partition="1"} 3',
      'roomlog_x_total 2',
    ]);
  });

  it('count label sets past the limit together', async () => {
    const counter = metrics.counter('roomlog_x_total', 'x');
    for (let n = 0; n < MAX_SERIES + 50; n++) counter.add(1, { n });
    const lines = await samples();
    expect(lines).toHaveLength(MAX_SERIES + 1);
    expect(lines).toContain('roomlog_x_total{overflow="true"} 50');
  });

  it('refuse a counter whose name would be changed on the way', () => {
    expect(() => metrics.counter('roomlog_x', 'x')).toThrow(/_total/);
  });

  it('keep label values from forging lines', async () => {
    metrics.counter('roomlog_x_total', 'x').add(1, { name: 'a"} 9\nforged 1' });
    expect(await samples()).toEqual(['roomlog_x_total{name="a\\"} 9\\nforged 1"} 1']);
  });
});
