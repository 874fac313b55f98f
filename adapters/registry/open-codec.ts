/**
 * A codec for this process. A registry that is away at the start is waited for, for as long as it takes: nothing can be
 * read or written without ids, and a process that dies here would only be started again.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../../core/config/schema.ts';
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import { topicsOf } from '../../core/names.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import { type Codec, createCodec } from '../../schemas/codec.ts';
import type { SchemaIds } from '../../schemas/schemas.ts';
import { Registry } from './registry.ts';

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;

export interface OpenCodecOptions {
  /** Gives the waiting up; `openCodec` then throws the last `registry_unreachable`. */
  readonly signal?: AbortSignal;
  readonly registry?: Registry;
}

/** Registers the schemas of `config.stream` and builds the codec. Throws `schema_incompatible` or `registry_refused`. */
export async function openCodec(
  config: Pick<Config, 'registry' | 'stream'>,
  logger: LogSink,
  { signal, registry = new Registry(config.registry) }: OpenCodecOptions = {},
): Promise<Codec> {
  const ids = await registerPatiently(registry, config, logger, signal);
  logger.debug({ ...ids }, 'schemas are registered');
  return createCodec({ ...ids, store: registry });
}

async function registerPatiently(
  registry: Registry,
  config: Pick<Config, 'registry' | 'stream'>,
  logger: LogSink,
  signal: AbortSignal | undefined,
): Promise<SchemaIds> {
  const topics = topicsOf(config.stream.prefix);
  for (let attempt = 1; ; attempt++) {
    try {
      const ids = await registry.registerAll(topics);
      if (attempt > 1) logger.info({ attempt }, 'the schema registry is back');
      return ids;
    } catch (thrown) {
      const error = asRoomlogError(thrown, 'registry_unreachable');
      if (error.code !== 'registry_unreachable' || signal?.aborted) throw error;
      const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
      logger.warn(
        { attempt, waitMs: Math.round(waitMs), url: config.registry.url, reason: error.message },
        'the schema registry can not be reached and is waited for; start it, or correct registry.url',
      );
      await delay(waitMs, undefined, signal === undefined ? {} : { signal }).catch(() => {
        throw new RoomlogError('registry_unreachable', error.message, { cause: error });
      });
    }
  }
}
