/** Either client gets through to a broker that wants TLS and a login. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import type { LoginJob, LoginResult } from '../support/log-in-to-kafka.ts';
import type { OwnCluster } from '../support/own-kafka.ts';
import { LOGIN, PLAIN_SESSION_MS, type SecuredListener } from '../support/secured-kafka.ts';
import { CLIENTS } from './kafka-harness.ts';

/** Registers the tests; the cluster must have been made with `secured`. */
export function kafkaLogins(cluster: () => OwnCluster, newTopic: () => Promise<string>): void {
  describe('over TLS, behind a login', () => {
    const logIn = async (job: Omit<LoginJob, 'broker'>): Promise<LoginResult> => {
      const { address, certificateFile } = cluster().secured as SecuredListener;
      const script = join(import.meta.dirname, '..', 'support', 'log-in-to-kafka.ts');
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [script, JSON.stringify({ ...job, broker: address })],
        {
          env: { ...process.env, NODE_EXTRA_CA_CERTS: certificateFile },
        },
      );
      return JSON.parse(stdout) as LoginResult;
    };
    const login = { tls: true, saslUsername: LOGIN.username, saslPassword: LOGIN.password };

    beforeAll(async () => {
      const to = ['--bootstrap-server', cluster().addresses[0] ?? ''];
      await cluster().tool(
        'kafka.admin.ConfigCommand',
        [...to, ...(cluster().secured as SecuredListener).makeUser],
        '',
      );
    }, 60_000);

    test.each(CLIENTS)(
      '%s logs in, and not with a wrong password',
      async (client) => {
        const topic = await newTopic();
        const by = (saslPassword: string) =>
          logIn({
            kafka: { ...login, client, saslMechanism: 'scram-sha-512', saslPassword, requestTimeoutMs: 1_000 },
            ...{ topic, forMs: 0 },
          });
        const [good, bad] = await Promise.all([by(LOGIN.password), by('wrong')]);
        expect(good).toEqual({ outcomes: { appended: 1 }, seen: 1, refused: null });
        expect(bad).toEqual({ outcomes: {}, seen: 0, refused: 'kafka_unreachable' });
      },
      60_000,
    );

    // kafkajs begins to renew 10 s before the end, so its sessions can't be as short.
    test('platformatic renews its sessions without losing an answer', async () => {
      const topic = await newTopic();
      const kafka = { ...login, client: 'platformatic' as const, saslMechanism: 'plain' as const };
      const { outcomes, seen } = await logIn({ kafka, topic, forMs: 2.5 * PLAIN_SESSION_MS });
      expect(Object.keys(outcomes)).toEqual(['appended']);
      expect(seen).toBe(outcomes.appended);
    }, 60_000);
  });
}
