/** A publisher that knows nothing but the protocol, for what the SDK would never do: other content under a used number, a hole. */
import { WebSocket } from 'ws';
import { contentOf } from '../checker/log-line.ts';
import type { Recorder } from './load/recorder.ts';

const WAIT_MS = 15_000;

type Frame = Record<string, unknown> & { readonly type: string };

export class RawPublisher {
  readonly session: string;
  readonly #name: string;
  readonly #user: string;
  readonly #socket: WebSocket;
  readonly #recorder: Recorder;
  readonly #answers: Map<number, (frame: Frame) => void>;
  #lastId = 0;

  private constructor(
    who: { name: string; user: string; session: string },
    socket: WebSocket,
    answers: Map<number, (frame: Frame) => void>,
    recorder: Recorder,
  ) {
    this.#name = who.name;
    this.#user = who.user;
    this.session = who.session;
    this.#socket = socket;
    this.#answers = answers;
    this.#recorder = recorder;
  }

  /** `session`: one from an earlier welcome, or null for a new one. */
  static async open(
    at: { url: string; token: string; session: string | null },
    who: { name: string; user: string },
    recorder: Recorder,
  ): Promise<RawPublisher> {
    const socket = new WebSocket(at.url, ['roomlog.v1.json']);
    const answers = new Map<number, (frame: Frame) => void>();
    const session = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${who.name} was not welcomed`)), WAIT_MS);
      socket.on('error', reject);
      socket.on('open', () => {
        const own = at.session === null ? {} : { session: at.session };
        socket.send(JSON.stringify({ type: 'hello', token: at.token, ...own }));
      });
      socket.on('message', (data) => {
        const frame = JSON.parse(data.toString()) as Frame;
        if (frame.type === 'welcome') {
          clearTimeout(timer);
          resolve(String(frame.session));
        }
        if (typeof frame.id === 'number') answers.get(frame.id)?.(frame);
      });
    });
    return new RawPublisher({ ...who, session }, socket, answers, recorder);
  }

  /** Sends one publish, without waiting. `ask` resolves with `ack`, an error's code, or `silence`. */
  publish(room: string, pub: number, event: string, data: unknown): Promise<string> {
    this.#lastId += 1;
    const id = this.#lastId;
    const op = `${this.#name}/${id}`;
    const text = JSON.stringify(data);
    const content = contentOf(event, text);
    const head = { client: this.#name, op } as const;
    this.#recorder.write({ type: 'publish', ...head, room, user: this.#user, session: this.session, pub, content });
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve('silence'), WAIT_MS);
      this.#answers.set(id, (frame) => {
        clearTimeout(timer);
        this.#answers.delete(id);
        const code = String(frame.code);
        if (frame.type === 'ack') {
          this.#recorder.write({ type: 'ack', ...head, seq: typeof frame.seq === 'number' ? frame.seq : null });
        } else this.#recorder.write({ type: 'error', ...head, code, final: false });
        resolve(frame.type === 'ack' ? 'ack' : code);
      });
      this.#socket.send(JSON.stringify({ type: 'publish', id, room, pub, event, data }));
    });
  }

  close(): void {
    this.#socket.terminate();
  }
}
