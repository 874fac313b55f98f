/** Each threshold of the load scripts, crossed by a gateway that breaks the one promise it stands for. */
import { describe, expect, it } from 'vitest';
import { runAgainst, runK6 } from './run-k6.ts';

/** k6's code for crossed thresholds. */
const CROSSED = 99;

describe.concurrent('a load script', () => {
  it('passes where a gateway keeps its promises', async () => {
    expect(await runAgainst({})).toMatchObject({ code: 0, crossed: [] });
  });

  it('fails when one member misses one event', async () => {
    const result = await runAgainst({
      deliver: (event, { number }) => (number === 2 && event.seq === 7 ? [] : [event]),
    });
    expect(result).toMatchObject({ code: CROSSED, crossed: ['roomlog_lost'] });
  });

  it('fails when one member misses the last events, and says which', async () => {
    const script = {
      deliver: (event: { seq: number }, { number }: { number: number }) =>
        number === 2 && event.seq > 20 ? [] : [event],
    };
    const result = await runAgainst(script, 'smoke', { LOAD_CLIENTS: '3', LOAD_EVENTS: '10', LOAD_DRAIN: '2s' });
    expect(result.code).toBe(CROSSED);
    expect(result.crossed).toEqual(expect.arrayContaining(['roomlog_clients_done', 'roomlog_lost']));
    expect(result.output).toMatch(/client \d did not get all: the end of k6\/smoke\//);
  });

  it('fails when one member gets an event twice', async () => {
    const result = await runAgainst({
      deliver: (event, { number }) => (number === 3 && event.seq === 7 ? [event, event] : [event]),
    });
    expect(result).toMatchObject({ code: CROSSED, crossed: ['roomlog_duplicates'] });
  });

  it('fails when one member gets two events in the wrong order', async () => {
    const result = await runAgainst({
      deliver: (event, member) => {
        if (member.number !== 1 || event.seq < 7 || event.seq > 8) return [event];
        if (event.seq === 7) member.held = event;
        return event.seq === 7 ? [] : [event, member.held ?? event];
      },
    });
    expect(result).toMatchObject({ code: CROSSED, crossed: ['roomlog_disorder'] });
  });

  it('fails when a publish is acked but never gets into the room', async () => {
    const result = await runAgainst({ becomes: ({ pub }) => (pub === 4 ? 0 : 1) });
    expect(result).toMatchObject({ code: CROSSED, crossed: ['roomlog_lost'] });
  });

  it('fails when a publish gets into the room twice', async () => {
    const result = await runAgainst({ becomes: ({ pub }) => (pub === 4 ? 2 : 1) });
    expect(result).toMatchObject({ code: CROSSED, crossed: ['roomlog_duplicates'] });
  });

  it('fails when a member is told of a gap', async () => {
    const result = await runAgainst({
      deliver: (event) =>
        event.seq === 7 ? [{ type: 'gap', room: event.room, from: 7, to: 7, cursor: 'c7', reason: 'slow' }] : [event],
    });
    expect(result).toMatchObject({ code: CROSSED, crossed: ['roomlog_gaps'] });
  });

  it('fails when events come late', async () => {
    const load = { LOAD_CLIENTS: '3', LOAD_EVENTS: '3', LOAD_P95_MS: '200', LOAD_P99_MS: '30000' };
    const result = await runAgainst({ delayMs: 300 }, 'smoke', load);
    expect(result).toMatchObject({ code: CROSSED, crossed: ['roomlog_delivery_ms'] });
  });

  it('fails when a publish is refused for good', async () => {
    const result = await runAgainst(
      {
        answer: ({ id, pub }) =>
          pub === 4 ? { type: 'error', id, code: 'forbidden', message: 'no' } : { type: 'ack', id },
      },
      'smoke',
      { LOAD_CLIENTS: '3', LOAD_EVENTS: '10', LOAD_DRAIN: '2s' },
    );
    expect(result.code).toBe(CROSSED);
    expect(result.crossed).toContain('roomlog_errors');
    expect(result.output).toContain('forbidden');
  });

  it('passes when a publish is refused for now', async () => {
    const refused = new Set<number>();
    const result = await runAgainst({
      answer: ({ id, pub }) => {
        if (pub !== 4 || refused.size === 3) return { type: 'ack', id };
        refused.add(id);
        return { type: 'error', id, code: 'unavailable', retryAfter: 50 };
      },
    });
    expect(result).toMatchObject({ code: 0, crossed: [] });
    expect(result.output).toContain('publish refused, trying again');
  });

  it('fails when no ack comes', async () => {
    const load = { LOAD_CLIENTS: '3', LOAD_EVENTS: '10', LOAD_DRAIN: '2s' };
    const result = await runAgainst(
      { answer: ({ pub, id }) => (pub === 4 ? null : { type: 'ack', id }) },
      'smoke',
      load,
    );
    expect(result.code).toBe(CROSSED);
    expect(result.crossed).toContain('roomlog_clients_done');
  });

  it('fails when nobody gets anything', async () => {
    const load = { LOAD_CLIENTS: '3', LOAD_EVENTS: '3', LOAD_DRAIN: '2s' };
    const result = await runAgainst({ deliver: () => [], answer: () => null }, 'smoke', load);
    expect(result.code).toBe(CROSSED);
    const crossed = ['roomlog_acked', 'roomlog_clients_done', 'roomlog_delivered', 'roomlog_lost'];
    expect(result.crossed).toEqual(expect.arrayContaining(crossed));
  });

  it('fails when connections break', async () => {
    const result = await runAgainst({ breakAtSeq: 7 });
    expect(result).toMatchObject({ code: CROSSED, crossed: ['roomlog_disconnects'] });
  });

  it('fails when a client that comes back is not taken up where it was', async () => {
    const storm = {
      LOAD_CLIENTS: '6',
      LOAD_ROOMS: '2',
      LOAD_RATE: '20',
      LOAD_DURATION: '2s',
      LOAD_AWAY: '200ms',
      LOAD_SPREAD: '0ms',
    };
    const result = await runAgainst({ recovered: false }, 'reconnect-storm', {
      ...storm,
      LOAD_RECOVERY_P95_MS: '20000',
    });
    expect(result).toMatchObject({ code: CROSSED, crossed: ['roomlog_recovered'] });
  });

  it('fails when what was published while a client was away does not come', async () => {
    const storm = {
      LOAD_CLIENTS: '6',
      LOAD_ROOMS: '2',
      LOAD_RATE: '20',
      LOAD_DURATION: '4s',
      LOAD_AWAY: '1s',
      LOAD_SPREAD: '0ms',
    };
    const result = await runAgainst({ forgetful: true }, 'reconnect-storm', {
      ...storm,
      LOAD_RECOVERY_P95_MS: '20000',
    });
    expect(result).toMatchObject({ code: CROSSED, crossed: ['roomlog_lost'] });
  });

  it('fails when clients that come back wait too long', async () => {
    const storm = {
      LOAD_CLIENTS: '6',
      LOAD_ROOMS: '2',
      LOAD_RATE: '20',
      LOAD_DURATION: '4s',
      LOAD_AWAY: '100ms',
      LOAD_SPREAD: '0ms',
    };
    const result = await runAgainst({ welcomeDelayMs: 200 }, 'reconnect-storm', {
      ...storm,
      LOAD_RECOVERY_P95_MS: '100',
    });
    expect(result).toMatchObject({ code: CROSSED, crossed: ['roomlog_recovery_ms'] });
  });

  it('fails when connecting takes too long', async () => {
    const load = { LOAD_CLIENTS: '5', LOAD_DURATION: '1s', LOAD_CONNECT_P95_MS: '100' };
    const result = await runAgainst({ welcomeDelayMs: 200 }, 'connections', load);
    expect(result).toMatchObject({ code: CROSSED, crossed: ['roomlog_connect_ms'] });
  });

  it('fails when an idle connection answers no more', async () => {
    const load = { LOAD_CLIENTS: '5', LOAD_DURATION: '1s', LOAD_DRAIN: '1s', LOAD_CONNECT_P95_MS: '20000' };
    const result = await runAgainst({ pong: false }, 'connections', load);
    expect(result).toMatchObject({ code: CROSSED, crossed: ['roomlog_clients_done'] });
  });

  it('gives up at once where a token is not accepted', async () => {
    const result = await runAgainst({ closeWith: 4401 });
    expect(result.code).not.toBe(0);
    expect(result.output).toContain('The gateway closed with 4401');
  });

  it('refuses bad options, all at once', async () => {
    const result = await runK6('fanout', { LOAD_CLIENTS: 'many', LOAD_RATE: '0', LOAD_EVENTS: '3' });
    expect(result.code).not.toBe(0);
    expect(result.output).toContain('4 options are wrong');
    for (const name of ['LOAD_CLIENTS', 'LOAD_RATE', 'LOAD_EVENTS is no option of fanout', 'ROOMLOG_AUTH_SECRET']) {
      expect(result.output).toContain(name);
    }
  });
});
