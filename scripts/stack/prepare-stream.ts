/** What a stream needs before anything runs on it: its topics and its schemas. Asking for what is there changes nothing. */
import { ensureTopics } from '../../adapters/kafka/topics.ts';
import { Registry } from '../../adapters/registry/registry.ts';
import type { Config } from '../../core/config/schema.ts';
import { topicsOf } from '../../core/names.ts';
import { silentLog } from '../../core/ports/logger.ts';

export async function prepareStream(config: Config, say: (line: string) => void): Promise<void> {
  const began = performance.now();
  const topics = topicsOf(config.stream.prefix);
  const [{ created, existing }] = await Promise.all([
    ensureTopics(config, silentLog),
    new Registry(config.registry).registerAll(topics),
  ]);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  say(`  ${'topics'.padEnd(12)} ready after ${seconds} s: ${created.length} made, ${existing.length} were there`);
}
