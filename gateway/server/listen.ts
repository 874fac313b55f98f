/** Opens a port, or says which setting to change. */
import type { FastifyInstance } from 'fastify';
import { RoomlogError } from '../../core/errors.ts';

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** The setting to change where the port is taken. */
  readonly key: 'gateway.port' | 'gateway.adminPort';
}

/** Returns the base URL, without a path. Throws `port_taken`, `config_invalid`. */
export async function listen(app: FastifyInstance, { host, port, key }: ListenOptions): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (cause) {
    if ((cause as { code?: unknown }).code === 'EADDRINUSE') {
      throw new RoomlogError('port_taken', `Port ${host}:${port} is in use; change ${key}.`, { cause });
    }
    throw new RoomlogError('config_invalid', `Can’t listen on ${host}:${port}; check ${key}.`, { cause });
  }
}
