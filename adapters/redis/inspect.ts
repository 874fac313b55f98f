/** What a Redis says about itself: for `roomlog doctor`. */
import { Redis } from 'ioredis';
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';

export interface RedisFacts {
  readonly version: string;
  /** How far its clock is ahead of this machine's, ms, and how wrong that may be. */
  readonly aheadMs: number;
  readonly uncertainMs: number;
}

/** Throws `redis_unreachable`. */
export async function inspectRedis({ url, commandTimeoutMs }: Config['redis']): Promise<RedisFacts> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: commandTimeoutMs,
    commandTimeout: commandTimeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // Whatever goes wrong rejects a command below.
  redis.on('error', () => {});
  try {
    await redis.connect();
    const info = await redis.info('server');
    const beganMs = Date.now();
    const [seconds, micros] = await redis.time();
    const uncertainMs = (Date.now() - beganMs) / 2;
    const nowMs = Number(seconds) * 1_000 + Number(micros) / 1_000;
    const version = /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown';
    return { version, aheadMs: nowMs - beganMs - uncertainMs, uncertainMs };
  } catch (cause) {
    throw new RoomlogError('redis_unreachable', undefined, { cause });
  } finally {
    redis.disconnect();
  }
}
