/**
 * Cases in which a mechanism is taken out of the running system, by modules that Node loads before it, and the checker has to
 * notice. Each scenario also runs with nothing taken away, and then nothing may be found: so it is the mechanism that counts.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AnomalyName } from '../checker/anomaly.ts';
import type { FaultCase } from './case.ts';
import { othersOwnAll } from './cases/03-zombie-sequencer.ts';
import { RawPublisher } from './raw-publisher.ts';
import type { ProcessSetting } from './roomlog.ts';
import type { World } from './world.ts';

export interface Sabotage {
  readonly name: string;
  /** What is taken away. */
  readonly about: string;
  readonly scenario: FaultCase;
  /** The module that takes the mechanism away, and whose processes load it. */
  readonly module: string;
  readonly loadedBy: RegExp;
  /** At least one of these must be found. */
  readonly expected: readonly AnomalyName[];
}

const pathOf = (module: string): string => fileURLToPath(new URL(module, import.meta.url));
const PAIRS = 20;
/** An append without an answer is sent again after this; on a slow connection it arrives after that. */
const GIVEN_UP_MS = 1_000;
const LATE_MS = 1_500;
const SLOW_MS = 4_000;
const LEAST_RETRIES = 10;
const HELD_MS = 600_000;
const PENDING_MS = 1_000;
const ARRIVING_MS = 700;
const CONTESTED = 'contested';
const HOLD = join(tmpdir(), `roomlog-faults-data-${process.pid}`);

/** The scenario with the mechanism taken away. */
export function sabotaged({ scenario, module, loadedBy }: Sabotage): FaultCase {
  return {
    ...scenario,
    notVerified: 'a mechanism was taken away',
    setting(name): ProcessSetting {
      const given = scenario.setting?.(name) ?? {};
      if (!loadedBy.test(name)) return given;
      return { ...given, preloads: [...(given.preloads ?? []), pathOf(module)] };
    },
  };
}

/**
 * Some connections of sequencers are slower than the time after which an append is given up and sent again over another: the first
 * try then arrives behind its repeat, and behind what came after that.
 */
const lateAppends: FaultCase = {
  number: 6,
  name: 'appends are sent again and then arrive late, so that they stand in the log twice',
  seconds: 12,
  environment: { ROOMLOG_KAFKA_REQUEST_TIMEOUT_MS: String(GIVEN_UP_MS) },
  async run(world) {
    const retries = (): Promise<number> =>
      world.metrics(world.roomlog.sequencers, 'roomlog_append_retries_total', { status: 'unknown' });
    await world.fault({
      name: 'appends-late',
      async make() {
        do {
          const undo = await world.network.add(['sequencer-1', 'sequencer-2'], {
            type: 'latency',
            stream: 'upstream',
            toxicity: 0.5,
            attributes: { latency: LATE_MS },
          });
          await world.pass(SLOW_MS);
          await undo();
        } while (world.secondsLeft > 0 || (await retries()) < LEAST_RETRIES);
      },
      seen: async () => `batches of unknown outcome were sent again ${await retries()} times`,
      recovery: 'heal',
    });
  },
};

const twins: FaultCase = {
  number: 0,
  name: 'two clients share a session, and number other content alike',
  seconds: 1,
  async run(world) {
    const outcomes: string[] = [];
    await world.fault({
      name: 'twins',
      async make() {
        const token = await world.roomlog.token('twin');
        const [url = '', other = url] = world.roomlog.urls();
        const who = { user: 'twin' };
        const first = await RawPublisher.open(
          { url, token, session: null },
          { ...who, name: 'twin-1' },
          world.recorder,
        );
        const at = { url: other, token, session: first.session };
        const second = await RawPublisher.open(at, { ...who, name: 'twin-2' }, world.recorder);
        const room = world.random.of(world.load.rooms);
        for (let pub = 1; pub <= PAIRS; pub++) {
          await first.publish(room, pub, 'twin', { of: 1, pub });
          outcomes.push(await second.publish(room, pub, 'twin', { of: 2, pub }));
        }
        first.close();
        second.close();
      },
      seen: () =>
        outcomes.length === PAIRS && `${PAIRS} numbers used twice, answered ${[...new Set(outcomes)].join(', ')}`,
      recovery: 'heal',
    });
  },
};

const holes: FaultCase = {
  number: 0,
  name: 'a client leaves numbers out',
  seconds: 1,
  async run(world) {
    const outcomes: string[] = [];
    await world.fault({
      name: 'holes',
      async make() {
        const token = await world.roomlog.token('hasty');
        const [url = ''] = world.roomlog.urls();
        const at = { url, token, session: null };
        const hasty = await RawPublisher.open(at, { user: 'hasty', name: 'hasty' }, world.recorder);
        for (const room of world.load.rooms) {
          await hasty.publish(room, 1, 'hasty', { pub: 1 });
          outcomes.push(await hasty.publish(room, 3, 'hasty', { pub: 3 }));
        }
        hasty.close();
      },
      seen: () => outcomes.length > 0 && `${outcomes.length} holes, answered ${[...new Set(outcomes)].join(', ')}`,
      recovery: 'heal',
    });
  },
};

/**
 * sequencer-1 decides contested events one way and is frozen with them under way; sequencer-2, of another version, claims;
 * then the zombie's records arrive, before the first of its successor.
 */
const twoVersions: FaultCase = {
  number: 3,
  name: 'a zombie’s records arrive right after the claim of another version',
  seconds: 1,
  setting: (name) =>
    name === 'sequencer-2'
      ? {
          preloads: [pathOf('preload/hold-appends.ts'), pathOf('sabotage/other-version.ts')],
          environment: { ROOMLOG_TEST_HOLD: `data:${HOLD}` },
        }
      : {},
  async run(world) {
    const { processes, network } = world;
    try {
      await processes.stop('sequencer-2');
      await othersOwnAll(world, 'sequencer-2');
      await processes.restart('sequencer-2');
      await world.allOwned();
      await world.fault({
        name: 'zombie-of-another-version',
        async make() {
          const release = await network.add(['sequencer-1'], {
            type: 'latency',
            stream: 'upstream',
            attributes: { latency: HELD_MS },
          });
          writeFileSync(HOLD, '');
          const contested = await publishContested(world);
          await world.pass(PENDING_MS);
          await processes.freeze('sequencer-1');
          await othersOwnAll(world, 'sequencer-1');
          await release();
          await world.pass(ARRIVING_MS);
          rmSync(HOLD, { force: true });
          processes.thaw('sequencer-1');
          await Promise.all(contested);
        },
        seen: () => 'sequencer-2 claimed while appends of sequencer-1 were held in the network',
        recovery: 'heal',
      });
    } finally {
      rmSync(HOLD, { force: true });
      rmSync(`${HOLD}.held`, { force: true });
    }
  },
};

/** One to every room; they are in inbound when it resolves, the promises are their answers. */
async function publishContested(world: World): Promise<Promise<string>[]> {
  const token = await world.roomlog.token('rival');
  const [url = ''] = world.roomlog.urls();
  const at = { url, token, session: null };
  const rival = await RawPublisher.open(at, { user: 'rival', name: 'rival' }, world.recorder);
  return world.load.rooms.map((room) => rival.publish(room, 1, CONTESTED, { room }));
}

export const SABOTAGES: readonly Sabotage[] = [
  {
    name: 'chain',
    about: 'the chain check, and the check of room numbers that leans on it',
    scenario: lateAppends,
    module: 'sabotage/no-chain-check.ts',
    loadedBy: /./,
    expected: ['duplicate-delivery', 'duplicate-log', 'seq-conflict', 'lost', 'silent-gap', 'phantom'],
  },
  {
    name: 'ack',
    about: 'answers from the fold: gateways ack once inbound has taken a publish',
    scenario: holes,
    module: 'sabotage/ack-from-response.ts',
    loadedBy: /^gateway-/,
    expected: ['lost', 'ack-mismatch'],
  },
  {
    name: 'digest',
    about: 'the digest of a number’s content',
    scenario: twins,
    module: 'sabotage/no-digest.ts',
    loadedBy: /^sequencer-/,
    expected: ['lost', 'ack-mismatch'],
  },
  {
    name: 'epoch',
    about: 'the epoch check, with two versions of the decision',
    scenario: twoVersions,
    module: 'sabotage/no-epoch-check.ts',
    loadedBy: /./,
    expected: ['phantom', 'lost', 'duplicate-log', 'seq-conflict', 'duplicate-delivery'],
  },
];
