/** What happened in a run, in its order: always as a hash, and as lines where somebody wants to read them. */
export class Trace {
  readonly #onLine: ((line: string) => void) | null;
  #low = 0x811c9dc5;
  #high = 0x01000193;

  constructor(onLine: ((line: string) => void) | null = null) {
    this.#onLine = onLine;
  }

  /** Whether lines are wanted; who would have to work for one asks before. */
  get isRead(): boolean {
    return this.#onLine !== null;
  }

  /** Of every step: when, and whose. */
  step(atMs: number, actor: number): void {
    this.#mix(Math.floor(atMs * 1_000) | 0);
    this.#mix(actor);
  }

  /** Something worth reading. */
  note(atMs: number, who: string, what: string): void {
    for (let at = 0; at < who.length; at++) this.#mix(who.charCodeAt(at));
    for (let at = 0; at < what.length; at++) this.#mix(what.charCodeAt(at));
    this.#onLine?.(`${atMs.toFixed(2).padStart(10)}  ${who.padEnd(14)} ${what}`);
  }

  /** 16 hex digits. Two runs with the same hash took the same steps and said the same. */
  get hash(): string {
    const hex = (word: number) => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.#low) + hex(this.#high);
  }

  #mix(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193);
    this.#low ^= this.#low >>> 15;
    this.#high = (Math.imul(this.#high ^ this.#low, 0x85ebca6b) + word) | 0;
    this.#high ^= this.#high >>> 13;
  }
}
