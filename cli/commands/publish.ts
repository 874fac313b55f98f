/** `roomlog publish ROOM --event E`: one event from `--data`, or one for every line of NDJSON on stdin. */
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import type { Published, RoomlogClient } from '../../client/index.ts';
import { parseDuration } from '../duration.ts';
import { usageError } from '../exit.ts';
import { openClient } from '../gateway-client.ts';
import { globalOptions } from '../globals.ts';
import { createOutput, type Output } from '../output.ts';

interface PublishOptions {
  readonly event: string;
  readonly data?: string;
  readonly ttl?: string;
  readonly user: string;
}

/** Lines read ahead of their acks. */
const MAX_AHEAD = 256;

export function define(command: Command): void {
  command
    .argument('<room>')
    .requiredOption('--event <name>', 'the event’s name')
    .option('--data <json>', 'the event’s data; without it every line of stdin is one event’s data')
    .option('--ttl <duration>', 'after this long it is no longer delivered to those who come later')
    .option('--user <name>', 'subject of the token that is made for the local stack', 'cli')
    .action(async (room: string, _own: unknown, self: Command) => {
      const options: PublishOptions = self.optsWithGlobals();
      const globals = globalOptions(self.optsWithGlobals());
      const output = createOutput(globals.output);
      const single = options.data === undefined ? null : { value: parseJson(options.data, '--data') };
      if (single === null && process.stdin.isTTY) throw usageError('Give --data, or NDJSON on stdin.');
      const client = await openClient(globals, { room, user: options.user, say: output.say });
      try {
        const publisher = new LinePublisher(client, room, options, output);
        if (single) await publisher.publish(single.value);
        else await publisher.publishAll(process.stdin);
      } finally {
        await client.close();
      }
    });
}

class LinePublisher {
  readonly #client: RoomlogClient;
  readonly #room: string;
  readonly #event: string;
  readonly #ttl: { readonly ttl?: number };
  readonly #output: Output;

  constructor(client: RoomlogClient, room: string, { event, ttl }: PublishOptions, output: Output) {
    this.#client = client;
    this.#room = room;
    this.#event = event;
    this.#ttl = ttl === undefined ? {} : { ttl: parseDuration(ttl) };
    this.#output = output;
  }

  async publish(data: unknown): Promise<void> {
    this.#report(await this.#client.publish(this.#room, this.#event, data, this.#ttl));
  }

  /** Publishes line by line in order; stops reading at the first fault, and throws it when the rest has been answered. */
  async publishAll(input: NodeJS.ReadableStream): Promise<void> {
    const inFlight = new Set<Promise<void>>();
    let fault: unknown = null;
    let number = 0;
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      if (fault !== null) break;
      if (line.trim() === '') continue;
      try {
        const one = this.publish(parseJson(line, `line ${number}`)).catch((thrown: unknown) => {
          fault ??= thrown;
        });
        inFlight.add(one);
        one.finally(() => inFlight.delete(one));
      } catch (thrown) {
        fault = thrown;
        break;
      }
      if (inFlight.size >= MAX_AHEAD) await Promise.race(inFlight);
    }
    await Promise.all(inFlight);
    if (fault !== null) throw fault;
  }

  #report({ seq, cursor, duplicate }: Published): void {
    const text = `${this.#room} #${seq ?? '?'}${duplicate ? ' (was published before)' : ''}`;
    const known = { ...(seq === undefined ? {} : { seq }), ...(cursor === undefined ? {} : { cursor }) };
    this.#output.result(text, { room: this.#room, ...known, duplicate });
  }
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw usageError(`${where} is not JSON: ${(thrown as Error).message}.`);
  }
}
