/** The list of commands: cheap to import, each loads its own module. */
import type { Command } from 'commander';

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Adds arguments, options and the action. */
  load(): Promise<(command: Command) => void>;
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'gateway',
    summary: 'Run a gateway: WebSocket clients on one side, Kafka on the other.',
    load: async () => (await import('./commands/gateway.ts')).define,
  },
  {
    name: 'sequencer',
    summary: 'Run a sequencer: gives every room event its number.',
    load: async () => (await import('./commands/sequencer.ts')).define,
  },
  {
    name: 'token',
    summary: 'Print a token for clients, signed with the local stack’s secret.',
    load: async () => (await import('./commands/token.ts')).define,
  },
  {
    name: 'tail',
    summary: 'Follow a room through a gateway.',
    load: async () => (await import('./commands/tail.ts')).define,
  },
  {
    name: 'publish',
    summary: 'Publish to a room through a gateway: --data, or NDJSON on stdin.',
    load: async () => (await import('./commands/publish.ts')).define,
  },
  {
    name: 'config',
    summary: 'Check a configuration, or print its documentation.',
    load: async () => (await import('./commands/config.ts')).define,
  },
];
