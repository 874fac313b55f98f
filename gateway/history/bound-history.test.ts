/** Events of the past whose data has a schema that this gateway has not met yet. */
import { afterEach, expect, it } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { AVRO_PAYLOAD, PayloadSchema } from '../../schemas/payload-schema.ts';
import { awaitSchemas } from '../binding/await-schemas.ts';
import { BoundEvents } from '../binding/bound-events.ts';
import { codec } from '../tail/test-sequencer.fixture.ts';
import { joinRoom, until, World } from '../tail/world.fixture.ts';

let w: World;
afterEach(() => w.close());

const TEXT = '{"type":"map","values":"long"}';
const data = new PayloadSchema(7, TEXT).encode({ a: 1 });

/** A room with three bound events that only the log holds, seen by a gateway whose registry knows the schema or is away. */
async function comeBack(load: (id: number) => Promise<string>): Promise<{ seqs: number[]; closed: boolean }> {
  const bound = new BoundEvents({
    bindings: [{ event: 'bound', subject: 's' }],
    store: { load, versions: () => Promise.reject(new RoomlogError('registry_unreachable')) },
    refreshMs: 60_000,
    clock: { monotonic: () => performance.now() },
    logger: silentLog,
  });
  w = new World({ gateway: { ringBytes: 1 }, codec: awaitSchemas(codec, bound) });
  w.publishMany('a', 3, { event: 'bound', contentType: AVRO_PAYLOAD, data });
  w.publishMany('a', 5);
  const stream = await w.openStream();
  const { sink } = await joinRoom(stream, 'a', { kind: 'start' });
  await until(() => sink.of('live').length === 1 || sink.closed);
  return { seqs: sink.seqs(), closed: sink.closed };
}

it('are delivered once their schema was looked up', async () => {
  const asked: number[] = [];
  const load = async (id: number): Promise<string> => {
    asked.push(id);
    return TEXT;
  };
  expect(await comeBack(load)).toEqual({ seqs: [1, 2, 3, 4, 5, 6, 7, 8], closed: false });
  expect(asked).toEqual([7]);
});

it('are delivered as they are while the registry is away', async () => {
  const load = () => Promise.reject(new RoomlogError('registry_unreachable'));
  expect(await comeBack(load)).toEqual({ seqs: [1, 2, 3, 4, 5, 6, 7, 8], closed: false });
});
