import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { RoomWorld } from '../support/room-world.ts';
import { kill, restart, restoreAll, stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let world: RoomWorld | null = null;

afterEach(async () => {
  await world?.close();
  world = null;
  await restoreAll();
});

test('50 rooms over 3 gateways: every member sees every event once, in one order', async () => {
  expect(stack().gateways).toHaveLength(3);
  world = await RoomWorld.open({ rooms: 50, membersPerRoom: 3, publishers: 6, name: `order/${randomUUID()}` });
  await world.publish(250);
  await world.settle();
  world.check();
}, 120_000);

test('a sequencer killed in the middle costs time, never an event', async () => {
  world = await RoomWorld.open({ rooms: 12, membersPerRoom: 3, publishers: 3, name: `takeover/${randomUUID()}` });
  const { acked } = world;
  const publishing = world.publish(600);
  await waitFor(() => (world?.acked ?? 0) > acked + 100, { what: 'publishing under way' });
  await kill('sequencer-1');
  await publishing;
  await restart('sequencer-1');
  await world.publish(20);
  await world.settle();
  world.check();
}, 180_000);

test('both sequencers killed: publishes wait, none is lost or doubled', async () => {
  world = await RoomWorld.open({ rooms: 6, membersPerRoom: 2, publishers: 3, name: `nobody/${randomUUID()}` });
  const publishing = world.publish(300);
  await waitFor(() => (world?.acked ?? 0) > 30, { what: 'publishing under way' });
  await Promise.all([kill('sequencer-1'), kill('sequencer-2')]);
  await restart('sequencer-1');
  await restart('sequencer-2');
  await publishing;
  await world.settle();
  world.check();
}, 180_000);

test('a gateway killed and brought back: its clients resume and re-send, and nobody notices in the order', async () => {
  world = await RoomWorld.open({ rooms: 12, membersPerRoom: 3, publishers: 3, name: `killed/${randomUUID()}` });
  const publishing = world.publish(600);
  await waitFor(() => (world?.acked ?? 0) > 100, { what: 'publishing under way' });
  await kill('gateway-2');
  await restart('gateway-2');
  await publishing;
  await world.settle();
  world.check();
}, 180_000);

test('Kafka killed and brought back: publishes wait, order and numbers hold', async () => {
  world = await RoomWorld.open({ rooms: 6, membersPerRoom: 3, publishers: 3, name: `broker/${randomUUID()}` });
  const publishing = world.publish(300);
  await waitFor(() => (world?.acked ?? 0) > 30, { what: 'publishing under way' });
  await kill('kafka-1');
  await restart('kafka-1');
  await publishing;
  await world.settle();
  world.check();
}, 240_000);
