/** What a run can be found guilty of. */
export const ANOMALIES = [
  'lost',
  'phantom',
  'duplicate-log',
  'duplicate-delivery',
  'seq-conflict',
  'silent-gap',
  'fifo-inversion',
  'ack-mismatch',
  'realtime-inversion',
  'unauthorised-delivery',
  'presence-ghost',
  'presence-missing',
] as const;

export type AnomalyName = (typeof ANOMALIES)[number];

export interface Anomaly {
  readonly name: AnomalyName;
  /** What was found, with what is needed to look it up. */
  readonly message: string;
}

/** Anomalies kept of each name; the rest is counted. */
export const MAX_ANOMALIES_PER_NAME = 100;

export class Findings {
  readonly anomalies: Anomaly[] = [];
  readonly counts = new Map<AnomalyName, number>();

  add(name: AnomalyName, message: string): void {
    const count = (this.counts.get(name) ?? 0) + 1;
    this.counts.set(name, count);
    if (count <= MAX_ANOMALIES_PER_NAME) this.anomalies.push({ name, message });
  }
}
