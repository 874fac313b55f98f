/**
 * Loaded before a Roomlog process (`node --import`): its wall clock is off by ROOMLOG_TEST_CLOCK_OFFSET_MS, from its first
 * instruction on. The monotonic clock stays what it is.
 */
const offsetMs = Number(process.env.ROOMLOG_TEST_CLOCK_OFFSET_MS ?? '0');
const RealDate = Date;

class SkewedDate extends RealDate {
  constructor(...given: unknown[]) {
    if (given.length === 0) super(RealDate.now() + offsetMs);
    else super(...(given as [number]));
  }

  static override now(): number {
    return RealDate.now() + offsetMs;
  }
}

globalThis.Date = SkewedDate as DateConstructor;
