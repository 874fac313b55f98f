/** The schema registry and Redis. */
import { inspectRedis } from '../../adapters/redis/inspect.ts';
import { inspectSubjects } from '../../adapters/registry/inspect.ts';
import type { Config } from '../../core/config/schema.ts';
import { topicsOf } from '../../core/names.ts';
import { type Check, clockCheck, finding, ok, reasonOf, unreachable } from './check.ts';

export async function checkRegistry(config: Config): Promise<Check[]> {
  const { inbound, outbound, deadletter } = topicsOf(config.stream.prefix);
  try {
    const subjects = await inspectSubjects(config.registry, [inbound, outbound, deadletter]);
    const checks = [ok('registry', `answers at ${config.registry.url}`)];
    for (const { subject, compatibility, wanted } of subjects) {
      const name = `subject ${subject}`;
      if (compatibility === wanted) checks.push(ok(name, `registered, ${wanted}`));
      else if (compatibility === null) checks.push(finding(name, 'is not registered', 'roomlog topics create'));
      else checks.push(finding(name, `is ${compatibility}, Roomlog needs ${wanted}`, 'roomlog topics create sets it'));
    }
    return checks;
  } catch (thrown) {
    const change = 'start the registry, or correct registry.url (ROOMLOG_REGISTRY_URL)';
    return [unreachable('registry', `does not answer at ${config.registry.url}: ${reasonOf(thrown)}`, change)];
  }
}

/** Sharded publish and subscribe came with it. */
const LEAST_REDIS = 7;

export async function checkRedis(config: Config): Promise<Check[]> {
  try {
    const { version, ...clock } = await inspectRedis(config.redis);
    const fine = Number.parseInt(version, 10) >= LEAST_REDIS;
    const named = `version ${version}`;
    const change = `use Redis ${LEAST_REDIS} or later`;
    return [fine ? ok('redis', named) : finding('redis', named, change), clockCheck('clock of redis', clock)];
  } catch (thrown) {
    const change = 'start Redis, or correct redis.url (ROOMLOG_REDIS_URL); without it there is no presence';
    return [unreachable('redis', `does not answer: ${reasonOf(thrown)}`, change)];
  }
}
