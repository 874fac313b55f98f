import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../core/config/load.ts';
import { topicsOf } from '../../core/names.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { openCodec } from './open-codec.ts';
import { Registry } from './registry.ts';

const topics = topicsOf('demo');
let server: Server | null = null;
let requests: string[] = [];

type Answer = (request: IncomingMessage, response: ServerResponse, nth: number) => void;
const json = (response: ServerResponse, status: number, body: object): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

/** A server that answers as told; what a registry really does is tested in test/integration/registry.test.ts. */
async function serve(answer: Answer, port = 0): Promise<string> {
  requests = [];
  server = createServer((request, response) => {
    requests.push(`${request.method} ${decodeURIComponent(request.url ?? '')}`);
    request.resume().on('end', () => answer(request, response, requests.length));
  });
  await new Promise<void>((resolve) => server?.listen(port, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === null ? resolve(null) : server.close(resolve)));
  server = null;
});

const configFor = (url: string, timeoutMs = 500) =>
  loadConfig({ flags: { 'registry-url': url, 'registry-timeout-ms': timeoutMs } });
const registryAt = (url: string) => new Registry(configFor(url).registry);

describe('looking a subject up', () => {
  /** A subject of four versions. */
  const versioned: Answer = (request, response) => {
    const [, version] = /\/subjects\/orders\/versions\/(\d+)/.exec(request.url ?? '') ?? [];
    if (version !== undefined) json(response, 200, { id: 100 + Number(version), version, schema: '"string"' });
    else if (request.url?.startsWith('/subjects/orders/versions')) json(response, 200, [1, 2, 3, 4]);
    else json(response, 404, { error_code: 40401, message: 'Subject not found' });
  };

  it('gives the newest versions, and asks for each of them once', async () => {
    const registry = registryAt(await serve(versioned));
    const newest = [4, 3].map((version) => ({ id: 100 + version, version, schema: '"string"' }));
    expect(await registry.versions('orders', 2)).toEqual(newest);
    expect(await registry.versions('orders', 2)).toEqual(newest);
    expect(requests.filter((request) => /versions\/\d/.test(request))).toHaveLength(2);
    expect(registry.known(104)).toBe('"string"');
  });

  it('leaves out older versions that can not be bound', async () => {
    const references = [{ name: 'a', subject: 'b', version: 1 }];
    const answer: Answer = (request, response, nth) => {
      if (/versions\/1\b/.test(request.url ?? ''))
        json(response, 200, { id: 1, version: 1, schema: '"x"', references });
      else versioned(request, response, nth);
    };
    const found = await registryAt(await serve(answer)).versions('orders', 4);
    expect(found.map(({ version }) => version)).toEqual([4, 3, 2]);
  });

  it('says schema_not_found where there is none that can be used, registry_unreachable where it can not tell', async () => {
    const code = async (answer: Answer, subject: string): Promise<unknown> =>
      await registryAt(await serve(answer))
        .versions(subject, 2)
        .then(String, ({ code: told }) => told);
    expect(await code(versioned, 'none')).toBe('schema_not_found');
    const other =
      (more: object): Answer =>
      (request, response) =>
        json(response, 200, request.url?.endsWith('/versions') ? [1] : { id: 1, schema: '{}', ...more });
    expect(await code(other({ schemaType: 'PROTOBUF' }), 'orders')).toBe('schema_not_found');
    const references = [{ name: 'a', subject: 'b', version: 1 }];
    expect(await code(other({ references }), 'orders')).toBe('schema_not_found');
    expect(await code((_, response) => void response.writeHead(404).end('<html>'), 'orders')).toBe(
      'registry_unreachable',
    );
  });
});

describe('looking a schema up', () => {
  it('asks once for many, and never again for a known one', async () => {
    const registry = registryAt(await serve((_, response) => json(response, 200, { schema: '"string"' })));
    expect(registry.known(5)).toBeUndefined();
    expect(await Promise.all([registry.load(5), registry.load(5), registry.load(5)])).toEqual(
      Array(3).fill('"string"'),
    );
    expect(await registry.load(5)).toBe('"string"');
    expect(registry.known(5)).toBe('"string"');
    expect(requests).toHaveLength(1);
  });

  it('says schema_not_found only where the registry itself does', async () => {
    const registry = registryAt(
      await serve((request, response) => {
        if (request.url?.includes('/5')) json(response, 404, { error_code: 40403, message: 'Schema not found' });
        else if (request.url?.includes('/6')) response.writeHead(404).end('<html>nginx</html>');
        else json(response, 500, { error_code: 50001, message: 'Error in the backend' });
      }),
    );
    await expect(registry.load(5)).rejects.toMatchObject({ code: 'schema_not_found' });
    await expect(registry.load(6)).rejects.toMatchObject({ code: 'registry_unreachable' });
    await expect(registry.load(7)).rejects.toMatchObject({ code: 'registry_unreachable' });
  });

  it('says registry_unreachable when nothing listens, and when nothing answers in time', async () => {
    const url = await serve(() => {});
    await expect(registryAt(url).load(1)).rejects.toMatchObject({ code: 'registry_unreachable' });
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
    server = null;
    await expect(registryAt(url).ping()).rejects.toMatchObject({
      code: 'registry_unreachable',
      message: expect.stringContaining(url),
    });
  });

  it('logs in with what it was given, and says registry_refused when that is not enough', async () => {
    let login: string | undefined;
    const url = await serve((request, response) => {
      login = request.headers.authorization;
      json(response, 401, { error_code: 401, message: 'Unauthorized' });
    });
    const config = loadConfig({ flags: { 'registry-url': url, 'registry-username': 'u', 'registry-password': 'p:w' } });
    await expect(new Registry(config.registry).ping()).rejects.toMatchObject({ code: 'registry_refused' });
    expect(Buffer.from(login?.split(' ')[1] ?? '', 'base64').toString()).toBe('u:p:w');
  });
});

describe('registering', () => {
  const happy: Answer = (request, response) => {
    if (request.method === 'GET') json(response, 404, { error_code: 40408, message: 'no level for this subject' });
    else if (request.method === 'PUT') json(response, 200, { compatibility: 'FULL_TRANSITIVE' });
    else json(response, 200, { id: requests.filter((one) => one.startsWith('POST')).length });
  };

  it('demands FULL_TRANSITIVE of each subject before its schema goes in', async () => {
    const registry = registryAt(await serve(happy));
    expect(await registry.registerAll(topics)).toEqual({ inboundId: 1, outboundId: 2, deadLetterId: 3, snapshotId: 4 });
    expect(requests.slice(0, 3)).toEqual([
      'GET /config/demo.inbound-value',
      'PUT /config/demo.inbound-value',
      'POST /subjects/demo.inbound-value/versions?normalize=true',
    ]);
    expect(registry.known(2)).toContain('OutboundEvent');
  });

  it('takes the id of a process that was faster, and refuses a real conflict', async () => {
    let known = true;
    const url = await serve((request, response) => {
      if (request.method === 'GET') json(response, 200, { compatibilityLevel: 'FULL_TRANSITIVE' });
      else if (request.url?.includes('/versions')) json(response, 409, { error_code: 409, message: 'conflict' });
      else if (known) json(response, 200, { id: 9 });
      else json(response, 404, { error_code: 40403, message: 'Schema not found' });
    });
    expect(await registryAt(url).registerAll(topics)).toEqual({
      inboundId: 9,
      outboundId: 9,
      deadLetterId: 9,
      snapshotId: 9,
    });
    known = false;
    await expect(registryAt(url).registerAll(topics)).rejects.toMatchObject({
      code: 'schema_incompatible',
      message: expect.stringContaining('demo.inbound-value'),
    });
  });

  it('waits for a registry that is away at the start, and says what to do', async () => {
    const url = await serve(happy);
    const port = Number(new URL(url).port);
    await new Promise((resolve) => server?.close(resolve));
    server = null;
    const warnings: string[] = [];
    const sink = { ...silentLog, warn: (_: object, message = '') => void warnings.push(message) };
    const opening = openCodec(configFor(url), sink);
    await expect.poll(() => warnings.length, { timeout: 5_000 }).toBeGreaterThan(0);
    await serve(happy, port);
    expect((await opening).decodeInbound(Buffer.from([0, 0, 0, 0, 77, 0]))).toEqual({ unknownSchema: 77 });
    expect(warnings[0]).toContain('registry.url');
  });

  it('stops waiting when it is told to', async () => {
    const stop = new AbortController();
    const opening = openCodec(
      configFor('http://127.0.0.1:9'),
      { ...silentLog, warn: () => stop.abort() },
      { signal: stop.signal },
    );
    await expect(opening).rejects.toMatchObject({ code: 'registry_unreachable' });
  });

  it('does not wait where waiting can not help', async () => {
    const url = await serve((_, response) => json(response, 403, { error_code: 40301, message: 'Forbidden' }));
    await expect(openCodec(configFor(url), silentLog)).rejects.toMatchObject({ code: 'registry_refused' });
  });
});
