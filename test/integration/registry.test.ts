/** The registry adapter against a real registry. */
import avsc from 'avsc';
import { describe, expect, inject, it } from 'vitest';
import { openCodec } from '../../adapters/registry/open-codec.ts';
import { Registry } from '../../adapters/registry/registry.ts';
import { createRestClient } from '../../adapters/registry/rest-client.ts';
import { loadConfig } from '../../core/config/load.ts';
import { type Topics, topicsOf } from '../../core/names.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { SCHEMAS } from '../../schemas/schemas.ts';
import { readStackFile } from '../../scripts/stack/stack-file.ts';
import { statePaths } from '../../scripts/stack/state-dir.ts';

const url = readStackFile(statePaths(inject('stateDir')))?.registry.url ?? '';
const configFor = (prefix: string) => loadConfig({ flags: { 'registry-url': url, 'stream-prefix': prefix } });
const { registry: config } = configFor('any');
const client = createRestClient(config);

let made = 0;
/** Subjects that no earlier test or run has used. */
const freshPrefix = (): string => `registry-test-${process.pid}-${Date.now()}-${made++}`;
const freshTopics = (): Topics => topicsOf(freshPrefix());

/** One of our schemas, changed. */
function changed(name: keyof typeof SCHEMAS, change: (schema: { fields: object[] }) => void): string {
  const schema = JSON.parse(SCHEMAS[name]);
  change(schema);
  return JSON.stringify(schema);
}

describe('a real registry', () => {
  it('gives a restarted process the same ids, without a new version', async () => {
    const topics = freshTopics();
    const first = await new Registry(config).registerAll(topics);
    expect(await new Registry(config).registerAll(topics)).toEqual(first);
    expect(new Set(Object.values(first)).size).toBe(4);
    expect(await client.getCompatibility(`${topics.outbound}-value`)).toBe('FULL_TRANSITIVE');
  });

  it('gives processes that start at the same moment the same ids', async () => {
    const topics = freshTopics();
    const openAll = Array.from({ length: 6 }, () => openCodecIds(topics));
    const ids = await Promise.all(openAll);
    expect(new Set(ids.map((one) => JSON.stringify(one))).size).toBe(1);
  });

  it('refuses a schema that does not fit every earlier version', async () => {
    const topics = freshTopics();
    const earlier = changed('inbound', ({ fields }) => void fields.push({ name: 'tenant', type: 'string' }));
    await client.register(`${topics.inbound}-value`, { schema: earlier, schemaType: 'AVRO' }, true);
    await expect(new Registry(config).registerAll(topics)).rejects.toMatchObject({
      code: 'schema_incompatible',
      message: expect.stringContaining(topics.inbound),
    });
  });

  it('says that it does not know an id', async () => {
    await expect(new Registry(config).load(2_000_000_000)).rejects.toMatchObject({ code: 'schema_not_found' });
  });

  it('lets a newer version add a kind of record, which this one reads as none', async () => {
    const prefix = freshPrefix();
    const codec = await openCodec(configFor(prefix), silentLog);
    const moved = { type: 'record', name: 'Moved', fields: [{ name: 'to', type: 'string' }] };
    const newer = changed('outbound', ({ fields }) => {
      fields.push({ name: 'moved', default: null, type: ['null', moved] });
    });
    const id = await client.register(`${prefix}.outbound-value`, { schema: newer, schemaType: 'AVRO' }, true);
    const header = { epoch: 4, inbound: 7, prevInbound: 6, inboundTime: 1 };
    const none = { claim: null, event: null, answer: null, skipped: null };
    const body = avsc.Type.forSchema(JSON.parse(newer)).toBuffer({ ...header, ...none, moved: { to: 'x' } });
    const record = Buffer.concat([Buffer.from([0, 0, 0, 0, 0]), body]);
    record.writeInt32BE(id, 1);
    expect(codec.decodeOutbound(record)).toEqual({ unknownSchema: id });
    await codec.ensureSchema(id);
    expect({ ...codec.decodeOutbound(record) }).toEqual({ ...header, ...none });
  });
});

/** As a starting process does it: a collision at the registry is tried again. */
async function openCodecIds(topics: Topics): Promise<object> {
  const registry = new Registry(config);
  for (let attempt = 1; ; attempt++) {
    try {
      return await registry.registerAll(topics);
    } catch (thrown) {
      if (attempt === 5 || (thrown as { code?: string }).code !== 'registry_unreachable') throw thrown;
    }
  }
}
