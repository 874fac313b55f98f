/** Finds the running stack by its `stack.json`, which `scripts/up` writes when all of it is ready. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { RoomlogError } from '../core/errors.ts';

const pid = z.number().int().nullable();
const stackSchema = z.object({
  version: z.literal(1),
  prefix: z.string(),
  partitions: z.number().int(),
  gateways: z.array(z.object({ name: z.string(), ws: z.string(), http: z.string(), admin: z.string(), pid })),
  sequencers: z.array(z.object({ name: z.string(), admin: z.string(), pid })),
  kafka: z.object({ brokers: z.array(z.string()), pids: z.array(z.number().int()) }),
  registry: z.object({ url: z.string(), pid }),
  redis: z.object({ url: z.string(), pid }),
  topics: z.object({ inbound: z.string(), outbound: z.string(), snapshots: z.string(), deadletter: z.string() }),
});

export type Stack = z.infer<typeof stackSchema>;

/** null where no stack runs from this folder. Throws `config_invalid` for a file that is none of ours. */
export function readStack(stateDir: string): Stack | null {
  const file = join(stateDir, 'stack.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new RoomlogError('config_invalid', `${file} can not be read.`, { cause: thrown });
  }
  try {
    return stackSchema.parse(JSON.parse(text));
  } catch (thrown) {
    throw new RoomlogError('config_invalid', `${file} is not a stack file of this version.`, { cause: thrown });
  }
}

/** What to say where nothing runs. */
export function missingStack(stateDir: string, instead: string): RoomlogError {
  return new RoomlogError(
    'unavailable',
    `No stack runs from ${stateDir} (there is no stack.json). Start one with scripts/up, name its folder with --state-dir, or ${instead}.`,
  );
}

/** The local stack's HS256 secret; null where there is none. */
export function readSecret(stateDir: string): Uint8Array | null {
  try {
    return Buffer.from(readFileSync(join(stateDir, 'jwt.secret'), 'utf8').trim(), 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new RoomlogError('config_invalid', `The secret in ${stateDir} can not be read.`, { cause: thrown });
  }
}
