/**
 * The registry's REST client, and what its failures mean. The only file that imports the client: by the path of its module,
 * because the package's root brings every cloud's key service along (0.8 s and 90 MB more at start).
 */
import { RestError } from '@confluentinc/schemaregistry/dist/rest-error.js';
import {
  type Client,
  type Compatibility,
  SchemaRegistryClient,
} from '@confluentinc/schemaregistry/dist/schemaregistry-client.js';
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';

/** Bytes of an answer; a schema with more is not one of ours. */
const MAX_ANSWER_BYTES = 4_194_304;
/** Ids and schemas that the client keeps per kind. */
const CLIENT_CACHE = 1_024;

export const COMPATIBILITY = 'FULL_TRANSITIVE' as Compatibility;

export type RestClient = Pick<
  Client,
  | 'register'
  | 'getId'
  | 'getBySubjectAndId'
  | 'getCompatibility'
  | 'updateCompatibility'
  | 'getDefaultCompatibility'
  | 'getAllVersions'
  | 'getSchemaMetadata'
>;

/** A client that tries once: waiting and trying again is for those who know how long. */
export function createRestClient({ url, username, password, timeoutMs }: Config['registry']): RestClient {
  const login = username === '' ? {} : { basicAuthCredentials: basicAuth(`${username}:${password ?? ''}`) };
  return SchemaRegistryClient.newClient({
    baseURLs: [url.replace(/\/+$/, '')],
    cacheCapacity: CLIENT_CACHE,
    maxRetries: 0,
    createAxiosDefaults: { timeout: timeoutMs, maxContentLength: MAX_ANSWER_BYTES },
    ...login,
  });
}

const basicAuth = (userInfo: string) => ({ credentialsSource: 'USER_INFO' as const, userInfo });

/** The registry's own code for "no such schema"; a 404 without it comes from something else than a registry. */
const SCHEMA_NOT_FOUND = 40_403;

export function isNotFound(thrown: unknown): boolean {
  return thrown instanceof RestError && thrown.status === 404 && Math.floor(thrown.errorCode / 100) === 404;
}

export function isConflict(thrown: unknown): boolean {
  return thrown instanceof RestError && (thrown.status === 409 || thrown.status === 422);
}

/**
 * What a failed request means: `schema_not_found` only where a registry said so itself, `registry_refused` where trying
 * again can't help, `registry_unreachable` for all else.
 */
export function registryError(thrown: unknown, request: string, url: string): RoomlogError {
  const details = { url };
  if (!(thrown instanceof RestError)) {
    const text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
    return new RoomlogError('registry_unreachable', `${request} failed: ${text}. Check registry.url (${url}).`, {
      details,
    });
  }
  const said = `${thrown.status}, ${thrown.message}`;
  if (thrown.errorCode === SCHEMA_NOT_FOUND) {
    return new RoomlogError('schema_not_found', `${request} failed: the registry does not know it (${said}).`, {
      details,
    });
  }
  if (thrown.status === 401 || thrown.status === 403) {
    return new RoomlogError(
      'registry_refused',
      `${request} was refused (${said}). Check registry.username and its rights.`,
      {
        details,
      },
    );
  }
  return new RoomlogError('registry_unreachable', `${request} failed (${said}). Check registry.url (${url}).`, {
    details,
  });
}
