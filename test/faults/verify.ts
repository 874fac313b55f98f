/** `./roomlog verify`, as an operator runs it, through the tools' listener. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../scripts/stack/root.ts';
import type { Cluster } from './cluster.ts';
import type { Roomlog } from './roomlog.ts';

export interface VerifyResult {
  readonly sound: boolean;
  readonly records: number;
  readonly findings: number;
  /** What it printed where it did not end well. */
  readonly message: string;
}

const WITHIN_MS = 180_000;

export async function runVerify(cluster: Cluster, roomlog: Roomlog): Promise<VerifyResult> {
  const env = {
    ...process.env,
    ROOMLOG_KAFKA_BROKERS: cluster.ports.brokers('tools').join(','),
    ROOMLOG_REGISTRY_URL: cluster.registryUrl,
    ROOMLOG_STREAM_PREFIX: roomlog.config.stream.prefix,
    ROOMLOG_STREAM_PARTITIONS: String(roomlog.partitions),
  };
  const args = ['verify', '-o', 'json', '--state-dir', join(cluster.paths.root, 'no-stack')];
  const child = spawn(join(ROOT, 'roomlog'), args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.timeout(WITHIN_MS),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      stderr += error.message;
      resolve(null);
    });
    child.on('close', resolve);
  });
  try {
    const summary = JSON.parse(stdout) as { sound: boolean; records: number; findings: { total: number } };
    const { sound, records, findings } = summary;
    const message = sound && code === 0 ? '' : JSON.stringify(findings).slice(0, 2_000);
    return { sound: sound && code === 0 && records > 0, records, findings: findings.total, message };
  } catch {
    const message = `roomlog verify ended with ${code}: ${stderr.slice(-1_000)}${stdout.slice(-500)}`;
    return { sound: false, records: 0, findings: 0, message };
  }
}
