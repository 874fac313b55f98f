/**
 * One change to what publishers were told or to what the log holds, each of which makes a valid run guilty of exactly one
 * anomaly.
 */
import { LONELY } from './generate.ts';
import type { HistoryLine } from './history.ts';
import {
  accepted,
  acked,
  appendTo,
  insertBeforeEnd,
  isType,
  lastLonely,
  type Mutation,
  openAt,
  pick,
  publishesOf,
  replaced,
  withEvent,
} from './mutation.ts';

export const LOG_MUTATIONS: readonly Mutation[] = [
  {
    name: 'lost',
    what: 'an ack for what is not in the log',
    apply(run, random) {
      const contents = new Set(accepted(run).map(({ event }) => event.content));
      const refused = new Set(
        run.history
          .filter(isType('error'))
          .filter(({ final }) => final)
          .map(({ op }) => op),
      );
      const nowhere = publishesOf(run).filter(({ op, content }) => !contents.has(content) && !refused.has(op));
      const publish = pick(nowhere, random);
      if (publish === undefined) return null;
      const { process, client, op, at } = publish;
      return insertBeforeEnd(run, { type: 'ack', process, client, op, at: at + 5, seq: 1 });
    },
  },
  {
    name: 'lost',
    what: 'an acked event’s record says something else',
    apply(run) {
      const newest = lastLonely(run);
      const known = acked(run).some(({ event }) => event === newest?.event);
      // What has no number may stand there twice; then the other one is as good.
      const copies = accepted(run).filter(({ event }) => event.content === newest?.event.content).length;
      if (newest === undefined || !known || copies > 1) return null;
      return { ...run, log: withEvent(run.log, newest.event, null) };
    },
  },
  {
    name: 'lost',
    what: 'a record is missing in the middle of the log',
    apply(run, random) {
      const lonely = accepted(run).filter(({ event }) => event.room === LONELY);
      const contents = new Map(acked(run).map(({ event }) => [event, true]));
      const places = lonely.filter((line, index) => {
        const repeated = run.log.filter(
          ({ partition, inbound }) => partition === line.partition && inbound === line.inbound,
        );
        const next = lonely[index + 1];
        return repeated.length === 1 && next !== undefined && contents.has(next.event);
      });
      const place = pick(places, random);
      return place === undefined ? null : { ...run, log: run.log.filter((line) => line !== place) };
    },
  },
  {
    name: 'lost',
    what: 'other content under a used number was acked as a duplicate',
    apply(run, random) {
      const original = pick(
        acked(run).filter(({ publish }) => publish.pub !== null),
        random,
      );
      if (original === undefined) return null;
      const { publish, ack } = original;
      const again = { ...publish, op: 'op-again', content: 'content-again', at: ack.at + 1 };
      return insertBeforeEnd(run, again, { ...ack, op: 'op-again', at: ack.at + 2 });
    },
  },
  {
    name: 'phantom',
    what: 'a delivery of what is not in the log',
    apply(run, random) {
      const subscription = pick(openAt(run), random);
      if (subscription === undefined) return null;
      const { client, user, room } = subscription;
      const seq = accepted(run).filter(({ event }) => event.room === room).length + 1;
      const at = run.history.at(-1)?.at ?? 0;
      return insertBeforeEnd(run, {
        type: 'delivery',
        process: client,
        at,
        client,
        user,
        room,
        seq,
        content: 'content-x',
      });
    },
  },
  {
    name: 'phantom',
    what: 'an event that nobody published',
    apply(run, random) {
      const one = pick(acked(run), random);
      if (one === undefined) return null;
      return { ...run, history: run.history.filter((line) => line !== one.publish && line !== one.ack) };
    },
  },
  {
    name: 'phantom',
    what: 'an event that was refused for good',
    apply(run, random) {
      const one = pick(acked(run), random);
      if (one === undefined) return null;
      const { process, at, client, op } = one.ack;
      const error = { type: 'error', process, at, client, op, code: 'forbidden', final: true } as const;
      return { ...run, history: replaced<HistoryLine>(run.history, one.ack, error) };
    },
  },
  {
    name: 'duplicate-log',
    what: 'a numbered publish stands in the log a second time',
    apply(run, random) {
      const numbered = accepted(run).filter(({ event }) => event.pub !== null);
      const original = pick(numbered, random);
      return original === undefined ? null : appendTo(run, original.event);
    },
  },
  {
    name: 'duplicate-log',
    what: 'a keyed publish stands in the log a second time',
    apply(run, random) {
      const original = pick(
        accepted(run).filter(({ event }) => event.key !== null),
        random,
      );
      return original === undefined ? null : appendTo(run, original.event);
    },
  },
  {
    name: 'seq-conflict',
    what: 'a client gets another event under a seq',
    apply(run, random) {
      const deliveries = run.history.filter(isType('delivery'));
      const [one, other] = [pick(deliveries, random), pick(deliveries, random)];
      if (one === undefined || other === undefined || one.content === other.content) return null;
      return { ...run, history: replaced(run.history, one, { ...one, content: other.content }) };
    },
  },
  {
    name: 'seq-conflict',
    what: 'the log leaves out a seq',
    apply(run) {
      const newest = lastLonely(run);
      if (newest === undefined) return null;
      const { event } = newest;
      const twice = accepted(run).filter((line) => line.event.content === event.content).length > 1;
      const one = acked(run).find((each) => each.event === event);
      if (one === undefined || one.ack.seq === null || twice) return null;
      const seq = event.seq + 1;
      const history = replaced(run.history, one.ack, { ...one.ack, seq });
      return { history, log: withEvent(run.log, event, { ...event, seq }) };
    },
  },
  {
    name: 'fifo-inversion',
    what: 'two publishes of a session change places',
    apply(run, random) {
      const events = acked(run).filter(({ publish, ack }) => publish.pub !== null && ack.seq !== null);
      const pairs = events.flatMap((first) =>
        events
          .filter(
            ({ publish, event }) =>
              event.seq === first.event.seq + 1 &&
              event.room === first.event.room &&
              publish.session === first.publish.session &&
              publish.at < first.ack.at,
          )
          .map((second) => ({ first, second })),
      );
      const pair = pick(pairs, random);
      if (pair === undefined) return null;
      const { first, second } = pair;
      const [early, late] = [first.event, second.event];
      const log = run.log.map((line) => {
        if (line.event === early) return { ...line, event: { ...late, seq: early.seq } };
        return line.event === late ? { ...line, event: { ...early, seq: late.seq } } : line;
      });
      const contents: Record<number, string> = { [early.seq]: late.content, [late.seq]: early.content };
      const history = run.history.map((line): HistoryLine => {
        if (line === first.ack) return { ...first.ack, seq: late.seq };
        if (line === second.ack) return { ...second.ack, seq: early.seq };
        if (line.type !== 'delivery' || line.room !== early.room) return line;
        return { ...line, content: contents[line.seq] ?? line.content };
      });
      return { history, log };
    },
  },
  {
    name: 'ack-mismatch',
    what: 'an ack has the seq of another event',
    apply(run, random) {
      const numbered = acked(run).filter(({ publish, ack }) => publish.pub !== null && ack.seq !== null);
      const one = pick(numbered, random);
      if (one === undefined) return null;
      return { ...run, history: replaced(run.history, one.ack, { ...one.ack, seq: (one.ack.seq ?? 0) + 1 }) };
    },
  },
  {
    name: 'ack-mismatch',
    what: 'a client gets another client’s ack',
    apply(run, random) {
      const ack = pick(run.history.filter(isType('ack')), random);
      const other = ack?.client === 'p0' ? 'p1' : 'p0';
      return ack === undefined ? null : insertBeforeEnd(run, { ...ack, client: other, process: other });
    },
  },
  {
    name: 'realtime-inversion',
    what: 'what was acked earlier has the higher seq',
    apply(run, random) {
      const all = acked(run);
      const events = all.filter(({ publish }) => publish.pub !== null || publish.key !== null);
      const pairs = events.flatMap((lower) =>
        events
          .filter(
            ({ publish, event }) =>
              event.seq > lower.event.seq && event.room === lower.event.room && publish.client !== lower.publish.client,
          )
          .map((higher) => ({ lower, higher })),
      );
      const pair = pick(pairs, random);
      if (pair === undefined) return null;
      const { publish, ack } = pair.higher;
      const at = pair.lower.publish.at;
      const history = run.history.map((line): HistoryLine => {
        if (line === publish) return { ...publish, at: at - 0.6 };
        return line === ack ? { ...ack, at: at - 0.3 } : line;
      });
      return { ...run, history };
    },
  },
];
