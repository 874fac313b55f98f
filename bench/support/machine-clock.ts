/** One clock for all processes of a machine: Linux's monotonic one, in ms. */
const offsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

export function machineNow(): number {
  return performance.now() + offsetMs;
}
