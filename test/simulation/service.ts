/** A back-end service that produces to inbound itself, under idempotency keys: it sends again whatever it is not sure of, and sometimes what it is. */
import { Buffer } from 'node:buffer';
import type { RoomId, UserId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { Actor } from './scheduler.ts';
import { CODEC } from './shared.ts';
import { SimulatedLog } from './simulated-log.ts';
import type { World } from './world.ts';

export class Service {
  readonly actor: Actor;
  readonly #world: World;
  readonly #log: SimulatedLog;
  readonly #count: number;
  #done = 0;

  constructor(world: World, name: string) {
    this.#world = world;
    this.actor = world.newActor(name);
    this.#log = new SimulatedLog(world.brokers, this.actor, { fetchBytes: world.plan.fetchBytes });
    this.#count = world.random.whole(3, 12);
    world.scheduler.after(world.random.between(0, 200), this.actor, () => void this.#run());
  }

  get isSettled(): boolean {
    return this.#done >= this.#count;
  }

  async #run(): Promise<void> {
    const { plan, random, recorder } = this.#world;
    for (let number = 1; number <= this.#count; number++) {
      const room = random.pick(plan.rooms) as RoomId;
      const { name } = this.actor;
      const key = `${name} ${number}`;
      const content = recorder.contentOf('told', key);
      const user = name as UserId;
      recorder.add({ type: 'publish', client: name, room, op: key, user, session: null, pub: null, key, content });
      const event = {
        room,
        user,
        session: null,
        pub: null,
        key,
        origin: null,
        event: 'told',
        contentType: null,
        data: Buffer.from(JSON.stringify(key)),
        expiresAt: null,
        traceparent: null,
      };
      const batch = {
        partition: partitionOf(room, plan.partitions),
        records: [{ key: Buffer.from(room), value: CODEC.encodeInbound(event) }],
      };
      for (let sure = false; !sure; ) {
        const [outcome] = await this.#log.append(this.#world.brokers.topics.inbound, [batch]);
        sure = outcome?.status === 'appended' && !random.chance(0.2);
        await new Promise((resolve) => setTimeout(resolve, random.between(1, 200)));
      }
      this.#done++;
    }
  }
}
