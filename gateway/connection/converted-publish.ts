/**
 * A numbered publish whose JSON was turned into Avro. A client that sends it again gives the same JSON, but an earlier try may have met
 * an older version of the schema, or a newer one at another gateway, and then the log holds other bytes under that number. So
 * `session_in_use` is believed only when the same JSON is not there in any of the schema's versions.
 */
import { Buffer } from 'node:buffer';
import { asRoomlogError, type RoomlogError } from '../../core/errors.ts';
import type { Seq } from '../../core/ids.ts';
import type { BoundEvents } from '../binding/bound-events.ts';
import type { PendingPublish, PublishClient } from '../publish/pending.ts';
import type { Publisher, PublishRequest } from '../publish/publish.ts';

/** What it works with. */
export interface Conversion {
  readonly publisher: Pick<Publisher, 'submit'>;
  readonly bound: Pick<BoundEvents, 'storedOtherwise'>;
}

export class ConvertedPublish implements PublishClient {
  readonly #with: Conversion;
  readonly #request: PublishRequest;
  readonly #json: Buffer;
  readonly #schemaId: number;
  /** What has not been tried yet; null until asked for. */
  #others: Buffer[] | null = null;

  /** @param json what the client gave; copied */
  constructor(conversion: Conversion, request: PublishRequest, json: Uint8Array, schemaId: number) {
    this.#with = conversion;
    this.#request = request;
    this.#json = Buffer.from(json);
    this.#schemaId = schemaId;
  }

  /** See Publisher.submit. */
  submit(): void {
    this.#with.publisher.submit({ ...this.#request, client: this });
  }

  onAcked(publish: PendingPublish, seq: Seq | null, cursor: string | null, duplicate: boolean): void {
    this.#request.client.onAcked(publish, seq, cursor, duplicate);
  }

  onRefused(publish: PendingPublish, error: RoomlogError): void {
    if (error.code === 'session_in_use') void this.#tryOther(publish, error);
    else this.#request.client.onRefused(publish, error);
  }

  onLost(publish: PendingPublish): void {
    this.#request.client.onLost(publish);
  }

  async #tryOther(publish: PendingPublish, refusal: RoomlogError): Promise<void> {
    const { publisher, bound } = this.#with;
    const { client, event } = this.#request;
    this.#others ??= await bound.storedOtherwise(event, this.#json, this.#schemaId);
    const data = this.#others.shift();
    if (data === undefined) {
      client.onRefused(publish, refusal);
      return;
    }
    try {
      publisher.submit({ ...this.#request, client: this, data });
    } catch (thrown) {
      client.onRefused(publish, asRoomlogError(thrown, 'unavailable'));
    }
  }
}
