/** Apicurio Registry for one stack: a schema registry with the Confluent API, kept in a file. */
import { join } from 'node:path';
import { RoomlogError } from '../../core/errors.ts';
import type { Service } from './launch.ts';

/** Longest wait for a connection to its own database, as an ISO 8601 duration. */
const DATABASE_WITHIN = 'PT60S';
/** Base path of its Confluent API. */
const CONFLUENT_PATH = '/apis/ccompat/v7';

export function registryUrl(port: number): string {
  return `http://127.0.0.1:${port}${CONFLUENT_PATH}`;
}

export function registryService(
  java: string,
  jar: string,
  ports: { api: number; admin: number },
  dataDir: string,
): Service {
  const database = `jdbc:h2:file:${join(dataDir, 'h2')}`;
  const url = registryUrl(ports.api);
  const properties = {
    'quarkus.http.host': '127.0.0.1',
    'quarkus.http.port': ports.api,
    'quarkus.management.host': '127.0.0.1',
    'quarkus.management.port': ports.admin,
    'registry.datasource.url': database,
    'quarkus.datasource.jdbc.url': database,
    // Five seconds are its default: it ended at its start on a machine whose cores others had.
    'quarkus.datasource.jdbc.acquisition-timeout': DATABASE_WITHIN,
  };
  return {
    name: 'registry',
    command: [
      java,
      '-Xms64m',
      '-Xmx384m',
      '-XX:+UseSerialGC',
      // It is asked a few times per process start: the quick compiler starts it sooner and is fast enough.
      '-XX:TieredStopAtLevel=1',
      ...Object.entries(properties).map(([key, value]) => `-D${key}=${value}`),
      '-jar',
      jar,
    ],
    env: {},
    ports: [ports.api, ports.admin],
    readyWithinMs: 120_000,
    stopWithinMs: 15_000,
    ready: () => askRegistry(url),
  };
}

/** Throws while the registry does not list its subjects. */
export async function askRegistry(url: string): Promise<void> {
  const response = await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(5_000) });
  if (response.ok && Array.isArray(await response.json())) return;
  throw new RoomlogError('registry_unreachable', `${url}/subjects answered ${response.status}.`);
}
