/** One change to what subscribers got, each of which makes a valid run guilty of exactly one anomaly. */
import { REVOCATION_MS } from './deliveries.ts';
import { GENERATED_PRESENCE_WITHIN_MS } from './generate.ts';
import type { HistoryLine } from './history.ts';
import {
  followedDeliveries,
  insertBeforeEnd,
  isType,
  lastMembers,
  type Mutation,
  openAt,
  pick,
  replaced,
} from './mutation.ts';

export const CLIENT_MUTATIONS: readonly Mutation[] = [
  {
    name: 'duplicate-delivery',
    what: 'a client gets an event twice in a row',
    apply(run, random) {
      const delivery = pick(run.history.filter(isType('delivery')), random);
      return delivery === undefined ? null : { ...run, history: replaced(run.history, delivery, delivery, delivery) };
    },
  },
  {
    name: 'duplicate-delivery',
    what: 'a resumed client gets its last event again',
    apply(run, random) {
      const resumes = run.history.filter(isType('resume')).flatMap((resume) => {
        const before = run.history.slice(0, run.history.indexOf(resume));
        const delivery = before.findLast(
          (line) =>
            line.type === 'delivery' &&
            line.client === resume.client &&
            line.room === resume.room &&
            line.seq === resume.seq,
        );
        return delivery === undefined ? [] : [{ resume, delivery }];
      });
      const one = pick(resumes, random);
      if (one === undefined) return null;
      return { ...run, history: replaced<HistoryLine>(run.history, one.resume, one.resume, one.delivery) };
    },
  },
  {
    name: 'silent-gap',
    what: 'a delivery in the middle is missing',
    apply(run, random) {
      const delivery = pick(followedDeliveries(run), random);
      return delivery === undefined ? null : { ...run, history: run.history.filter((line) => line !== delivery) };
    },
  },
  {
    name: 'silent-gap',
    what: 'the last delivery is missing',
    apply(run, random) {
      const last = openAt(run).flatMap(({ client, room }) => {
        const theirs = run.history.filter((line) => 'room' in line && line.client === client && line.room === room);
        const newest = theirs.findLast(({ type }) => type !== 'members' && type !== 'presence');
        return newest?.type === 'delivery' ? [newest] : [];
      });
      const delivery = pick(last, random);
      return delivery === undefined ? null : { ...run, history: run.history.filter((line) => line !== delivery) };
    },
  },
  {
    name: 'silent-gap',
    what: 'a gap is not told',
    apply(run, random) {
      const gaps = run.history.filter(isType('gap')).filter((gap) => {
        const behind = run.history.slice(run.history.indexOf(gap) + 1);
        const next = behind.find(
          (line) =>
            (line.type === 'close' && line.client === gap.client) ||
            ('room' in line &&
              line.client === gap.client &&
              line.room === gap.room &&
              line.type !== 'members' &&
              line.type !== 'presence'),
        );
        return next?.type === 'delivery' || next?.type === 'live';
      });
      const gap = pick(gaps, random);
      return gap === undefined ? null : { ...run, history: run.history.filter((line) => line !== gap) };
    },
  },
  {
    name: 'unauthorised-delivery',
    what: 'a user never had the right',
    apply(run, random) {
      const delivery = pick(run.history.filter(isType('delivery')), random);
      if (delivery === undefined) return null;
      return { ...run, history: run.history.filter((line) => line.type !== 'rights' || line.user !== delivery.user) };
    },
  },
  {
    name: 'unauthorised-delivery',
    what: 'the right was for another room',
    apply(run, random) {
      const delivery = pick(run.history.filter(isType('delivery')), random);
      if (delivery === undefined) return null;
      const history = run.history.map((line) =>
        line.type === 'rights' && line.user === delivery.user
          ? { ...line, rooms: ['red', 'blue'].filter((room) => room !== delivery.room) }
          : line,
      );
      return { ...run, history };
    },
  },
  {
    name: 'unauthorised-delivery',
    what: 'the right was revoked long before',
    apply(run, random) {
      const delivery = pick(run.history.filter(isType('delivery')), random);
      if (delivery === undefined) return null;
      const { user, at, process } = delivery;
      const history = run.history.map((line) =>
        line.type === 'rights' && line.user === user ? { ...line, at: line.at - 10_000 } : line,
      );
      const revoked = { type: 'rights', process, user, rooms: [], at: at - REVOCATION_MS - 1 } as const;
      return insertBeforeEnd({ ...run, history }, revoked);
    },
  },
  {
    name: 'presence-ghost',
    what: 'somebody who left long ago is in the list',
    apply(run, random) {
      const list = lastMembers(run, random);
      const gone = run.history
        .filter(isType('presence'))
        .filter(({ left, at }) => left.length > 0 && at < (list?.at ?? 0) - 2 * GENERATED_PRESENCE_WITHIN_MS);
      const left = pick(
        gone.filter(({ room }) => room === list?.room),
        random,
      )?.left[0];
      if (list === undefined || left === undefined) return null;
      return {
        ...run,
        history: replaced<HistoryLine>(run.history, list, { ...list, members: [...list.members, left] }),
      };
    },
  },
  {
    name: 'presence-ghost',
    what: 'somebody who was never there is in the list',
    apply(run, random) {
      const list = lastMembers(run, random);
      if (list === undefined) return null;
      return {
        ...run,
        history: replaced<HistoryLine>(run.history, list, { ...list, members: [...list.members, 'nobody'] }),
      };
    },
  },
  {
    name: 'presence-missing',
    what: 'somebody who is there is not in the list',
    apply(run, random) {
      const list = lastMembers(run, random);
      const member = pick(list?.members ?? [], random);
      if (list === undefined || member === undefined) return null;
      const members = list.members.filter((each) => each !== member);
      return { ...run, history: replaced<HistoryLine>(run.history, list, { ...list, members }) };
    },
  },
];
