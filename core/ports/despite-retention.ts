/** For whoever asks for a partition's range and then reads from its start: retention may delete that start in between. */
import { RoomlogError } from '../errors.ts';

/** Retention deletes whole segments, so that it seldom passes twice while somebody looks. */
const MAX_LOOKS = 10;

/** `look` asks for the range anew each time it is called, and throws `offset_out_of_range` where retention was faster. */
export async function despiteRetention<T>(look: () => Promise<T>): Promise<T> {
  for (let looks = 1; ; looks++) {
    try {
      return await look();
    } catch (thrown) {
      const isPassed = thrown instanceof RoomlogError && thrown.code === 'offset_out_of_range';
      if (!isPassed || looks === MAX_LOOKS) throw thrown;
    }
  }
}
