/** Reading what a client got. */
import type { Frame } from './wire-client.ts';

/** The `event` frames among `frames`, also those within a `batch`. */
export function eventsOf(frames: readonly Frame[]): Frame[] {
  return frames.flatMap((frame) => {
    if (frame.type === 'batch') return frame.events as Frame[];
    return frame.type === 'event' ? [frame] : [];
  });
}
