/** Apache Kafka's own Java tools, out of the jars that the local stack runs its brokers from. */
import { readdirSync } from 'node:fs';
import { ensureArtifacts } from '../../scripts/stack/artifacts.ts';
import { ensureJava } from '../../scripts/stack/java.ts';

/** Program and first arguments that run a tool: `['java', '-cp', …, 'org.apache.kafka.tools.ConsumerPerformance']`. */
export async function kafkaTool(className: string): Promise<readonly string[]> {
  const java = ensureJava();
  const { kafkaLib } = await ensureArtifacts(java.home, () => {});
  // As kafka-run-class.sh starts tools; the heap is kafka-consumer-perf-test.sh's.
  const flags = ['-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-Xmx512M', '-Djava.awt.headless=true'];
  return [java.program, ...flags, '-cp', `${kafkaLib}/*`, className];
}

/** The version of the brokers and their tools, by the name of a jar. */
export async function kafkaVersion(): Promise<string> {
  const { kafkaLib } = await ensureArtifacts(ensureJava().home, () => {});
  const versions = readdirSync(kafkaLib).map((jar) => /^kafka-clients-(\d[\d.]*)\.jar$/.exec(jar)?.[1]);
  return versions.find((version) => version !== undefined) ?? 'unknown';
}
