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
    name: 'rooms',
    summary: 'List the rooms and their newest event, straight from Kafka.',
    load: async () => (await import('./commands/rooms.ts')).define,
  },
  {
    name: 'replay',
    summary: 'Print past events of one room or many, straight from Kafka.',
    load: async () => (await import('./commands/replay.ts')).define,
  },
  {
    name: 'verify',
    summary: 'Re-read the log and say whether it keeps its promises: exactly one answer each, no hole, no repeat.',
    load: async () => (await import('./commands/verify.ts')).define,
  },
  {
    name: 'repair',
    summary: 'Let partitions go on that halted since inbound was lost or recreated, after showing what is given up.',
    load: async () => (await import('./commands/repair.ts')).define,
  },
  {
    name: 'topics',
    summary: 'Create the topics and register the schemas.',
    load: async () => (await import('./commands/topics.ts')).define,
  },
  {
    name: 'doctor',
    summary: 'Ask Kafka, the registry, Redis and this machine what is wrong; say what to change.',
    load: async () => (await import('./commands/doctor.ts')).define,
  },
  {
    name: 'config',
    summary: 'Check a configuration, or print its documentation.',
    load: async () => (await import('./commands/config.ts')).define,
  },
];
