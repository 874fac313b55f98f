/** The command line against a real stack, each command as a process of its own. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOMLOG, RunningCommand, run } from '../support/command.ts';
import { gateway, stateDir, token } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

const roomlog = (...args: string[]) => run(ROOMLOG, [...args, '--state-dir', stateDir()]);
const newRoom = () => `cli/${randomUUID().slice(0, 8)}`;
const json = (lines: string) =>
  lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'roomlog-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('publish and tail', () => {
  test('an event published is an event tailed, one body a line', async () => {
    const room = newRoom();
    const published = await roomlog('publish', room, '--event', 'say', '--data', '{"text":"hi"}', '-o', 'json');
    expect(published).toMatchObject({ code: 0, stderr: '' });
    expect(json(published.stdout)).toEqual([{ room, seq: 1, cursor: expect.any(String), duplicate: false }]);
    const tailed = await roomlog('tail', room, '--from', 'start', '--count', '1', '-o', 'json');
    expect(tailed).toMatchObject({ code: 0, stderr: '' });
    expect(json(tailed.stdout)).toEqual([
      expect.objectContaining({ room, seq: 1, event: 'say', data: { text: 'hi' }, user: 'cli' }),
    ]);
  });

  test('NDJSON on stdin keeps its order; the first line that is no JSON ends it with 2', async () => {
    const room = newRoom();
    const args = ['publish', room, '--event', 'n', '--state-dir', stateDir()];
    const lines = Array.from({ length: 300 }, (_, index) => `{"n":${index}}`).join('\n');
    expect((await run(ROOMLOG, args, { stdin: lines })).code).toBe(0);
    const tailed = await roomlog('tail', room, '--from', 'start', '--count', '300', '-o', 'json');
    expect(json(tailed.stdout).map(({ data }) => (data as { n: number }).n)).toEqual([...Array(300).keys()]);
    const broken = await run(ROOMLOG, args, { stdin: '{"n":1}\n{nope\n{"n":2}\n' });
    expect(broken.code).toBe(2);
    expect(broken.stderr).toContain('line 2 is not JSON');
    expect(broken.stdout).toContain('#301');
  });

  test('tail follows live, starts at a cursor or a time, and ends cleanly on Ctrl-C', async () => {
    const room = newRoom();
    const live = new RunningCommand(ROOMLOG, [
      'tail',
      room,
      '-o',
      'json',
      '--from',
      'start',
      '--state-dir',
      stateDir(),
    ]);
    for (const n of [1, 2, 3]) await roomlog('publish', room, '--event', 'n', '--data', `${n}`);
    await waitFor(() => live.lines.length === 3, { what: 'three events' });
    live.kill('SIGINT');
    expect((await live.ended()).code).toBe(0);
    const [first, second] = json(live.stdout);
    const behind = await roomlog('tail', room, '--from', `cursor:${first?.cursor}`, '--count', '2', '-o', 'json');
    expect(json(behind.stdout).map(({ seq }) => seq)).toEqual([2, 3]);
    const at = new Date(Number(second?.time)).toISOString();
    const since = await roomlog('tail', room, '--from', `time:${at}`, '--count', '2', '-o', 'json');
    expect(json(since.stdout).map(({ seq }) => seq)).toEqual([2, 3]);
  });

  test('a reader that has seen enough ends it without a complaint', async () => {
    const room = newRoom();
    const stdin = Array.from({ length: 50 }, (_, index) => `${index}`).join('\n');
    await run(ROOMLOG, ['publish', room, '--event', 'n', '--state-dir', stateDir()], { stdin });
    const command = `${ROOMLOG} tail ${room} --from start --state-dir ${stateDir()} | head -n 3`;
    const reading = run('bash', ['-o', 'pipefail', '-c', command]);
    // Whoever writes to a pipe learns that its reader is gone by the next write, so there has to be a next event.
    let ended = false;
    void reading.finally(() => {
      ended = true;
    });
    while (!ended) await run(ROOMLOG, ['publish', room, '--event', 'n', '--data', '1', '--state-dir', stateDir()]);
    const piped = await reading;
    expect(piped).toMatchObject({ code: 0, stderr: '' });
    expect(piped.stdout.split('\n').filter(Boolean)).toHaveLength(3);
  });

  test('--url and --token reach any gateway; a refusal is a finding', async () => {
    const args = ['--url', gateway(2).ws, '--token', await token('zoe', { rooms: ['cli/*'] })];
    const fine = await run(ROOMLOG, ['publish', newRoom(), '--event', 'e', '--data', '1', ...args]);
    expect(fine.code).toBe(0);
    const refused = await run(ROOMLOG, ['publish', 'other/room', '--event', 'e', '--data', '1', ...args]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/forbidden/);
    const bad = await run(ROOMLOG, ['tail', 'cli/x', '--url', gateway(1).ws, '--token', 'nonsense']);
    expect(bad.code).toBe(1);
    expect(bad.stderr).toMatch(/unauthorized/);
  });
});

describe('straight from Kafka', () => {
  test('rooms and replay tell what gateways deliver', async () => {
    const room = newRoom();
    for (const n of [1, 2]) await roomlog('publish', room, '--event', 'n', '--data', `{"n":${n}}`);
    const rooms = await roomlog('rooms', '--pattern', room, '-o', 'json');
    expect(json(rooms.stdout)).toEqual([expect.objectContaining({ room, seq: 2 })]);
    const replayed = await roomlog('replay', '--room', room, '-o', 'json');
    const tailed = await roomlog('tail', room, '--from', 'start', '--count', '2', '-o', 'json');
    expect(json(replayed.stdout)).toEqual(json(tailed.stdout));
    const [first] = json(replayed.stdout);
    const rest = await roomlog('replay', '--room', room, '--from', `cursor:${first?.cursor}`, '-o', 'json');
    expect(json(rest.stdout).map(({ seq }) => seq)).toEqual([2]);
    const byPattern = await roomlog('replay', '--pattern', `${room}*`, '--count', '1');
    expect(byPattern.stdout).toBe('');
  });

  test('topics create leaves what exists as it is', async () => {
    const { code, stdout } = await roomlog('topics', 'create');
    expect(code).toBe(0);
    expect(stdout.match(/was there/g)).toHaveLength(4);
  });

  test('doctor finds nothing on a sound stack, and says what to change elsewhere', async () => {
    const sound = await roomlog('doctor', '-o', 'json');
    expect(json(sound.stdout).filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(sound.code).toBe(0);
    const wrong = await roomlog('doctor', '--stream-partitions', '7', '-o', 'json');
    expect(wrong.code).toBe(1);
    const found = json(wrong.stdout).filter(({ status }) => status === 'finding');
    expect(found).toHaveLength(2);
    expect(found[0]).toMatchObject({ message: expect.stringContaining('12 partitions'), change: expect.any(String) });
    const gone = await roomlog('doctor', '--redis-url', 'redis://127.0.0.1:1');
    expect(gone.code).toBe(3);
    expect(gone.stdout).toMatch(/unreachable +redis: .*\n +to change: /);
  });
});

describe('without a stack', () => {
  test('a token needs none, only the secret', async () => {
    const made = await roomlog(
      'token',
      '--user',
      'ann',
      '--room',
      'a/*',
      '--room',
      'b',
      '--allow',
      'join',
      '--ttl',
      '5m',
    );
    const claims = decodeJwt(made.stdout.trim());
    expect(claims).toMatchObject({
      sub: 'ann',
      rooms: [
        { pattern: 'a/*', allow: ['join'] },
        { pattern: 'b', allow: ['join'] },
      ],
    });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(300);
  });

  test.each(['tail x', 'publish x --event e --data 1', 'rooms', 'replay --room x', 'doctor'])(
    '%s says that nothing runs, and where it looked',
    async (command) => {
      const { code, stdout, stderr } = await run(ROOMLOG, [...command.split(' '), '--state-dir', join(folder, 'none')]);
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toContain(join(folder, 'none'));
      expect(stderr).not.toContain('    at ');
    },
  );

  test('a gateway that does not answer is unreachable', async () => {
    const { code, stderr } = await run(ROOMLOG, ['tail', 'x', '--url', 'ws://127.0.0.1:1/v1/ws', '--token', 't']);
    expect(code).toBe(3);
    expect(stderr).toContain('No gateway could be reached');
  });

  test.each([
    'tail',
    'nonsense',
    'tail x --from yesterday',
    'publish x --event e --data {',
    'token --user u --room r --ttl soon',
    'token --user u --room r --allow fly',
    'replay',
    'tail x -o xml',
  ])('"%s" is a wrong command line', async (command) => {
    const { code, stdout, stderr } = await run(ROOMLOG, [...command.split(' '), '--state-dir', stateDir()]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toContain('    at ');
  });

  test('all faults of a configuration are told at once, each with its key and source', async () => {
    const file = join(folder, 'bad.yaml');
    writeFileSync(file, 'kafka:\n  maxWaitMs: fast\n  brokerz: [a]\n');
    const { code, stderr } = await run(ROOMLOG, ['gateway', '--config', file, '--gateway-prt', '1'], {
      env: { ROOMLOG_GATEWAY_PORT: '70000' },
    });
    expect(code).toBe(2);
    for (const word of [
      'kafka.maxWaitMs',
      'kafka.brokerz',
      'kafka.brokers',
      '--gateway-prt',
      '--gateway-port',
      'ROOMLOG_GATEWAY_PORT',
    ]) {
      expect(stderr).toContain(word);
    }
  });

  test('config check prints the whole configuration without secrets', async () => {
    const { code, stdout } = await run(ROOMLOG, ['config', 'check', '-o', 'json', '--auth-secret', 'x'.repeat(40)]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ auth: { secret: '[redacted]' }, kafka: { maxWaitMs: 100 } });
  });

  test('the launcher works from another folder and through symbolic links', async () => {
    const link = join(folder, 'roomlog-link');
    symlinkSync(ROOMLOG, link);
    const { code, stdout } = await run(link, ['--help'], { cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toContain('Ordered room events');
  });
});
