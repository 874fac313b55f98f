/** `roomlog token`: prints a JWT. */
import type { Command } from 'commander';
import { mintToken } from '../../gateway/auth/mint-token.ts';
import type { Right } from '../../gateway/auth/permissions.ts';
import { parseDuration } from '../duration.ts';
import { usageError } from '../exit.ts';
import { globalOptions } from '../globals.ts';
import { missingStack, readSecret } from '../stack.ts';

interface TokenOptions {
  readonly user: string;
  readonly room: readonly string[];
  readonly allow: string;
  readonly ttl: string;
}

export function define(command: Command): void {
  command
    .requiredOption('--user <name>', 'the token’s subject')
    .requiredOption(
      '--room <pattern>',
      'a room, or a pattern: * for any characters but /, ** for any; may be repeated',
      (pattern: string, before: readonly string[] | undefined) => [...(before ?? []), pattern],
    )
    .option('--allow <rights>', 'join, publish or both, by comma', 'join,publish')
    .option('--ttl <duration>', 'how long it is good for: 90s, 15m, 1h, 7d', '1h')
    .action(async (_own: unknown, self: Command) => {
      const options: TokenOptions = self.optsWithGlobals();
      const { stateDir } = globalOptions(self.optsWithGlobals());
      const secret = signingSecret(stateDir);
      const rooms = options.room.map((pattern) => ({ pattern, allow: parseRights(options.allow) }));
      const ttlMs = parseDuration(options.ttl);
      process.stdout.write(`${await mintToken(secret, { user: options.user, rooms, ttlMs, nowMs: Date.now() })}\n`);
    });
}

function signingSecret(stateDir: string): Uint8Array {
  const fromEnv = process.env.ROOMLOG_AUTH_SECRET;
  const secret = fromEnv ? Buffer.from(fromEnv, 'utf8') : readSecret(stateDir);
  if (secret === null) throw missingStack(stateDir, 'set ROOMLOG_AUTH_SECRET');
  return secret;
}

function parseRights(text: string): Right[] {
  const rights = text.split(',').map((right) => right.trim());
  for (const right of rights) {
    if (right !== 'join' && right !== 'publish') throw usageError(`--allow takes join and publish, not "${right}".`);
  }
  return rights as Right[];
}
