/** From a client's text frame to a validated frame. Written by hand because `publish` passes here at every event. */
import type { Buffer } from 'node:buffer';
import { RoomlogError } from '../../core/errors.ts';
import { MAX_FRAME_DEPTH, nestsDeeperThan } from './depth.ts';
import type { ClientFrame } from './frames.ts';
import { rawMember } from './raw-member.ts';
import { type Body, type Content, type FrameLimits, frameOf, isObject } from './validate.ts';

/** See Encoding.parse. */
export function parseFrame(bytes: Buffer, limits: FrameLimits): ClientFrame {
  const content = (): Content | null => {
    const data = rawMember(bytes, 'data');
    return data === null ? null : { contentType: null, data };
  };
  return frameOf(parseObject(bytes), content, limits);
}

/** See Encoding.peekId. */
export function peekId(bytes: Buffer): number | undefined {
  try {
    const id: unknown = JSON.parse(rawMember(bytes, 'id')?.toString() ?? 'null');
    return Number.isSafeInteger(id) ? (id as number) : undefined;
  } catch {
    return undefined;
  }
}

function parseObject(bytes: Buffer): Body {
  if (nestsDeeperThan(bytes, MAX_FRAME_DEPTH)) {
    const id = peekId(bytes);
    const details = id === undefined ? {} : { id };
    throw new RoomlogError('bad_frame', `The frame nests deeper than ${MAX_FRAME_DEPTH}.`, { details });
  }
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch (cause) {
    throw new RoomlogError('bad_frame', 'The frame is not JSON.', { cause });
  }
  if (!isObject(value)) throw new RoomlogError('bad_frame', 'The frame is not a JSON object.');
  return value;
}
