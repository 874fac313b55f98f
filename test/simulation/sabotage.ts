/**
 * The system with one mechanism taken away, to see that the simulation would notice. Sources are changed as they are loaded,
 * in a worker process only; a change that no longer fits its source is an error, not a silent no-op.
 */
import { registerHooks } from 'node:module';

interface Change {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Sabotage {
  readonly about: string;
  /** Runs need two versions of the decision to show it. */
  readonly versions: 1 | 2;
  /** The simulation has to find it within so many seeds. */
  readonly withinSeeds: number;
  readonly changes: readonly Change[];
}

const CHAIN = 'core/log/chain.ts';

export const SABOTAGES: Readonly<Record<string, Sabotage>> = {
  'no-chain-check': {
    about: 'records are accepted whatever was answered before',
    versions: 1,
    withinSeeds: 50,
    changes: [
      { file: CHAIN, find: 'if (this.#settled && record.prevInbound < this.lastInbound) return REPEAT;', replace: '' },
      {
        file: CHAIN,
        find: 'if (this.#settled && record.prevInbound > this.lastInbound) {',
        replace: 'if (record.prevInbound < -1) {',
      },
    ],
  },
  'no-epoch-check': {
    about: 'records of fenced writers count as long as the chain takes them',
    versions: 2,
    withinSeeds: 300,
    changes: [
      { file: CHAIN, find: 'if (record.epoch < this.epoch) return STALE;', replace: '' },
      { file: CHAIN, find: 'if (record.epoch > this.epoch) {', replace: 'if (this.epoch < -1) {' },
    ],
  },
  'state-before-claim': {
    about: 'a new owner decides from what it had folded when its claim was answered, without reading up to it',
    versions: 2,
    withinSeeds: 300,
    changes: [
      {
        file: 'consumers/sequencer/claim.ts',
        find: "  if (outcome.status === 'not_appended' || outcome.status === 'refused') return 'again';",
        replace: `  if (outcome.status === 'appended' && streamId !== '') return { kind: 'claimed', epoch: outcome.baseOffset };
  if (outcome.status === 'not_appended' || outcome.status === 'refused') return 'again';`,
      },
      {
        file: 'consumers/sequencer/interruption.ts',
        find: 'if (epoch !== null && readBack.epoch !== epoch) return FENCED;',
        replace: 'if (epoch !== null && readBack.epoch > epoch) return FENCED;',
      },
    ],
  },
  'ack-from-produce': {
    about: 'a gateway acks as soon as inbound has the publish, whatever becomes of it',
    versions: 1,
    withinSeeds: 50,
    changes: [
      {
        file: 'gateway/publish/append-batcher.ts',
        find: '      lane.failures = 0;\n',
        replace:
          '      lane.failures = 0;\n      for (const { counter } of batch.records) this.#options.listener.onAppended(counter);\n',
      },
      {
        file: 'gateway/publish/publish.ts',
        find: '        isWanted: (counter) => pending.has(counter),',
        replace:
          '        isWanted: (counter) => pending.has(counter),\n        onAppended: (counter) => pending.ackAtOnce(counter),',
      },
      {
        file: 'gateway/publish/pending.ts',
        find: '  has(counter: number): boolean {',
        replace: `  ackAtOnce(counter: number): void {
    const publish = this.#waiting.get(counter);
    this.#waiting.delete(counter);
    publish?.client.onAcked(publish, null, null, false);
  }

  has(counter: number): boolean {`,
      },
    ],
  },
  'no-digest': {
    about: 'other content under a used number is taken for a repeat',
    versions: 1,
    withinSeeds: 50,
    changes: [
      {
        file: 'core/log/digest.ts',
        find: 'return { hi: word(digest, 0), lo: word(digest, 4) };',
        replace: 'return { hi: word(digest, 0) & 0, lo: word(digest, 4) & 0 };',
      },
    ],
  },
};

/** To be called before the code that is changed is loaded. */
export function sabotage(name: string): Sabotage {
  const found = SABOTAGES[name];
  if (found === undefined)
    throw new RangeError(`No such sabotage: ${name}. There are ${Object.keys(SABOTAGES).join(', ')}.`);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const changes = found.changes.filter(({ file }) => url.endsWith(`/${file}`));
      if (changes.length === 0 || loaded.source === undefined || loaded.source === null) return loaded;
      let source = String(typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array));
      for (const { file, find, replace } of changes) {
        if (source.split(find).length !== 2) {
          throw new Error(`Sabotage ${name} no longer fits ${file}: look for what became of\n${find}`);
        }
        source = source.replace(find, () => replace);
      }
      return { ...loaded, source };
    },
  });
  return found;
}
