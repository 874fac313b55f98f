/** A listener of a test's broker that wants TLS and a login: PLAIN, and SCRAM-SHA-512 once the user is made. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StatePaths } from '../../scripts/stack/state-dir.ts';

export const LOGIN = { username: 'roomlog', password: 'not-a-secret' };
/** PLAIN sessions end after this long unless they are renewed, which @platformatic/kafka does a fifth of it before: that must outlast a busy machine's pauses. */
export const PLAIN_SESSION_MS = 4_000;

export interface SecuredListener {
  readonly address: string;
  /** The certificate that clients must trust, as a PEM file: for `NODE_EXTRA_CA_CERTS`. */
  readonly certificateFile: string;
  /** Arguments of Kafka's ConfigCommand that make the user for SCRAM-SHA-512, behind `--bootstrap-server`. */
  readonly makeUser: readonly string[];
}

/** Adds it to the first broker's settings. */
export async function addSecuredListener(javaHome: string, paths: StatePaths, port: number): Promise<SecuredListener> {
  const keys = join(paths.configDir, 'broker.p12');
  const certificateFile = join(paths.configDir, 'broker.pem');
  const keytool = (...args: string[]) => promisify(execFile)(join(javaHome, 'bin', 'keytool'), args);
  const store = ['-keystore', keys, '-storetype', 'PKCS12', '-storepass', LOGIN.password, '-alias', 'broker'];
  const named = ['-dname', 'CN=broker', '-ext', 'san=ip:127.0.0.1', '-validity', '2'];
  await keytool('-genkeypair', '-keyalg', 'EC', ...store, ...named);
  await keytool('-exportcert', '-rfc', '-file', certificateFile, ...store);

  const file = join(paths.configDir, 'kafka-1.properties');
  const also: Record<string, string> = {
    listeners: `,SECURED://127.0.0.1:${port}`,
    'advertised.listeners': `,SECURED://127.0.0.1:${port}`,
    'listener.security.protocol.map': ',SECURED:SASL_SSL',
  };
  const module = 'org.apache.kafka.common.security';
  const settings = {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-512',
    'plain.sasl.jaas.config': `${module}.plain.PlainLoginModule required user_${LOGIN.username}="${LOGIN.password}";`,
    'plain.connections.max.reauth.ms': `${PLAIN_SESSION_MS}`,
    'scram-sha-512.sasl.jaas.config': `${module}.scram.ScramLoginModule required;`,
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.location': keys,
    'ssl.keystore.password': LOGIN.password,
    'ssl.key.password': LOGIN.password,
  };
  const lines = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line + (also[line.slice(0, line.indexOf('='))] ?? ''));
  for (const [key, value] of Object.entries(settings)) lines.push(`listener.name.secured.${key}=${value}`);
  writeFileSync(file, `${lines.join('\n')}\n`);
  return {
    address: `127.0.0.1:${port}`,
    certificateFile,
    makeUser: [
      ...['--alter', '--entity-type', 'users', '--entity-name', LOGIN.username],
      ...['--add-config', `SCRAM-SHA-512=[password=${LOGIN.password}]`],
    ],
  };
}
