/** A configuration file for a bench's own gateways on a stack that has none (`--infra-only`). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Config } from '../../core/config/schema.ts';
import { statePaths } from '../../scripts/stack/state-dir.ts';
import type { BenchStack } from './stack.ts';

/** Returns its path, inside the state folder. */
export function writeGatewayConfig({ file, stateDir }: BenchStack, gateway: Partial<Config['gateway']>): string {
  const path = join(stateDir, 'bench-gateway.yaml');
  const config = {
    stream: { prefix: file.prefix, partitions: file.partitions },
    kafka: { brokers: file.kafka.brokers },
    registry: { url: file.registry.url },
    redis: { url: file.redis.url },
    auth: { secretFile: statePaths(stateDir).secretFile },
    gateway,
  };
  writeFileSync(path, stringify(config));
  return path;
}
