import { describe, expect, it, vi } from 'vitest';
import { Gather } from './gather.ts';

/** A peer that answers when told to. */
function peer(holdMs?: number) {
  const answers: (() => void)[] = [];
  const gather = new Gather(() => new Promise<void>((resolve) => answers.push(resolve)), holdMs);
  return { gather, answers, sent: (count: number) => vi.waitFor(() => expect(answers).toHaveLength(count)) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Gather', () => {
  it('sends once for all that one turn brought', async () => {
    const { gather, answers } = peer();
    for (let i = 0; i < 5; i++) gather.wake();
    await turn();
    await turn();
    expect(answers).toHaveLength(1);
  });

  it('lets a second request go while one that carries little is worked on', async () => {
    const { gather, sent } = peer(60_000);
    gather.wake();
    await sent(1);
    gather.wake();
    await sent(2);
    gather.stop();
  });

  it('holds what comes while one that carries much is worked on, and sends it with the answer', async () => {
    const { gather, answers, sent } = peer(60_000);
    for (let i = 0; i < 5; i++) gather.wake();
    await sent(1);
    gather.wake();
    await turn();
    await turn();
    expect(answers).toHaveLength(1);
    answers[0]?.();
    await sent(2);
    gather.stop();
  });

  it('holds what comes while two requests are under way, and sends it with the first answer', async () => {
    const { gather, answers, sent } = peer(60_000);
    gather.wake();
    await sent(1);
    gather.wake();
    await sent(2);
    gather.wake();
    gather.wake();
    await turn();
    expect(answers).toHaveLength(2);
    answers[0]?.();
    await sent(3);
    await turn();
    expect(answers).toHaveLength(3);
    gather.stop();
  });

  it('does not let requests that hang hold the next one back', async () => {
    const { gather, answers, sent } = peer(1);
    for (const count of [1, 2, 3]) {
      gather.wake();
      await sent(count);
    }
    answers[0]?.();
    gather.wake();
    await sent(4);
  });

  it('goes on after a request that failed', async () => {
    let tries = 0;
    const gather = new Gather(() => Promise.reject(new Error(`try ${++tries}`)));
    gather.wake();
    await vi.waitFor(() => expect(tries).toBe(1));
    gather.wake();
    await vi.waitFor(() => expect(tries).toBe(2));
  });

  it('sends nothing after it was stopped', async () => {
    const { gather, answers } = peer();
    gather.wake();
    gather.stop();
    await turn();
    await turn();
    expect(answers).toHaveLength(0);
  });
});
