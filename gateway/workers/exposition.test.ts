import { describe, expect, test } from 'vitest';
import { createMetrics } from '../../adapters/telemetry/metrics.ts';
import { mergeExpositions } from './exposition.ts';

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

async function rendered(worker: string, count: number): Promise<{ worker: string; text: string }> {
  const metrics = createMetrics();
  metrics.counter('seen_total', 'What was seen.').add(count);
  metrics.counter('typed_total', 'By type.').with({ type: 'a"}b' }).add(count);
  metrics.histogram('took_ms', 'How long.', [1, 10]).record(count);
  metrics.gauge(`only_${worker}`, 'Of one alone.', () => count);
  const text = await metrics.render();
  await metrics.shutdown();
  return { worker, text };
}

describe('mergeExpositions', () => {
  test('introduces each family once, and keeps its samples together', async () => {
    const merged = lines(mergeExpositions([await rendered('w1', 3), await rendered('w2', 4)]));
    for (const kind of ['HELP', 'TYPE']) {
      const told = merged.filter((line) => line.startsWith(`# ${kind} `)).map((line) => line.split(' ')[2]);
      expect(told.toSorted()).toEqual(['only_w1', 'only_w2', 'seen_total', 'took_ms', 'typed_total']);
    }
    // No sample stands apart from its family's head.
    let family = '';
    for (const line of merged) {
      if (line.startsWith('# ')) family = line.split(' ')[2] ?? '';
      else expect(line.startsWith(family)).toBe(true);
    }
  });

  test('tells the samples of each process apart, values untouched', async () => {
    const merged = lines(mergeExpositions([await rendered('w1', 3), await rendered('w2', 4)]));
    const values = (name: string): string[] => merged.filter((line) => line.startsWith(name));
    expect(values('seen_total{')).toEqual(['seen_total{worker="w1"} 3', 'seen_total{worker="w2"} 4']);
    expect(values('typed_total{')).toEqual([
      'typed_total{worker="w1",type="a\\"}b"} 3',
      'typed_total{worker="w2",type="a\\"}b"} 4',
    ]);
    expect(values('took_ms_bucket{worker="w2"')).toEqual([
      'took_ms_bucket{worker="w2",le="1"} 0',
      'took_ms_bucket{worker="w2",le="10"} 1',
      'took_ms_bucket{worker="w2",le="+Inf"} 1',
    ]);
  });

  test('takes samples without labels, with empty ones, with timestamps, and a name that needs escaping', () => {
    const text = '# comment\nbare 1\nempty{} 2 1700000000000\nbraces{ } 3\n';
    expect(lines(mergeExpositions([{ worker: 'a\\"\n', text }]))).toEqual([
      'bare{worker="a\\\\\\"\\n"} 1',
      'empty{worker="a\\\\\\"\\n"} 2 1700000000000',
      'braces{worker="a\\\\\\"\\n" } 3',
    ]);
  });

  test('is empty for nobody', () => {
    expect(mergeExpositions([])).toBe('');
  });
});
