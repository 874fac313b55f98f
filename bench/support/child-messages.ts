/** What a bench's child processes say. */
import type { ChildProcess, Serializable } from 'node:child_process';

/** Resolves with the child's next message for which `pick` gives something; rejects where the child ends before. */
export function heard<Message, Picked>(
  child: ChildProcess,
  pick: (message: Message) => Picked | undefined,
): Promise<Picked> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void =>
      reject(new Error(`${child.spawnargs.slice(0, 3).join(' ')} ended with ${code}`));
    const onMessage = (message: Serializable): void => {
      const picked = pick(message as Message);
      if (picked === undefined) return;
      child.off('message', onMessage);
      child.off('exit', onExit);
      resolve(picked);
    };
    child.on('message', onMessage);
    child.once('exit', onExit);
  });
}
