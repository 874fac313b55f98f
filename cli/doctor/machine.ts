/** This machine: versions and limits. */
import { readFileSync } from 'node:fs';
import type { Config } from '../../core/config/schema.ts';
import { VERSION } from '../version.ts';
import { type Check, finding, ok, unknown } from './check.ts';

/** As package.json's engines have it. */
const LEAST_NODE = [24, 9] as const;
/** Descriptors that even a small gateway should have. */
const LEAST_FILES = 4_096;
/** Sockets to Kafka, Redis and the registry, files, and some air. */
const OTHER_FILES = 500;

export function checkMachine(config: Config): Check[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const fine = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1]);
  const versions = `Roomlog ${VERSION}, Node.js ${process.versions.node}`;
  const change = `use Node.js ${LEAST_NODE.join('.')} or later`;
  return [fine ? ok('versions', versions) : finding('versions', versions, change), checkFiles(config)];
}

function checkFiles(config: Config): Check {
  const limit = openFilesLimit();
  if (limit === null) return unknown('open files', 'this system does not tell');
  const { maxConnections } = config.gateway;
  const room = limit - OTHER_FILES;
  if (room >= maxConnections) return ok('open files', `${limit}, enough for ${maxConnections} connections`);
  const message = `${limit}, so at most about ${Math.max(0, room)} connections, not gateway.maxConnections (${maxConnections})`;
  if (limit >= LEAST_FILES) return ok('open files', message);
  return finding('open files', message, 'raise it: ulimit -n, LimitNOFILE in a unit, or the container’s nofile');
}

/** The soft limit of this process, which Node has raised to the hard one; null where /proc does not tell. */
function openFilesLimit(): number | null {
  try {
    const soft = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    if (soft === 'unlimited') return Number.POSITIVE_INFINITY;
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}
