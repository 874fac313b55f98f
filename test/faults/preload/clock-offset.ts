/**
 * Loaded before a Roomlog process (`node --import`): its wall clock is off by ROOMLOG_TEST_CLOCK_OFFSET_MS, from its first
 * instruction on. The monotonic clock stays what it is.
 */
const offsetMs = Number(process.env.ROOMLOG_TEST_CLOCK_OFFSET_MS ?? '0');
const RealDate = Date;
const now = (): number => RealDate.now() + offsetMs;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, given, newTarget) => Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});
