/** Opens a port, or says which setting to change. */
import type { FastifyInstance, FastifyListenOptions } from 'fastify';
import { RoomlogError } from '../../core/errors.ts';

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** The setting to change where the port is taken. */
  readonly key: 'gateway.port' | 'gateway.adminPort';
  /** Other processes of this user listen there as well, and the kernel spreads connections over all (Linux: SO_REUSEPORT). */
  readonly shared?: boolean;
}

/** Returns the base URL, without a path. Throws `port_taken`, `config_invalid`. */
export async function listen(app: FastifyInstance, options: ListenOptions): Promise<string> {
  const { host, port, shared = false } = options;
  // Fastify hands what it does not know to `net.Server.listen`.
  const chosen: FastifyListenOptions & { reusePort: boolean } = { host, port, reusePort: shared };
  try {
    return await app.listen(chosen);
  } catch (cause) {
    throw portTaken(cause, options);
  }
}

/** What a failed `listen` comes to: `port_taken` or `config_invalid`. */
export function portTaken(cause: unknown, { host, port, key }: ListenOptions): RoomlogError {
  if ((cause as { code?: unknown }).code === 'EADDRINUSE') {
    return new RoomlogError('port_taken', `Port ${host}:${port} is in use; change ${key}.`, { cause });
  }
  return new RoomlogError('config_invalid', `Can’t listen on ${host}:${port}; check ${key}.`, { cause });
}
