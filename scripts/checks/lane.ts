/** A lane of `scripts/test`: one kind of checks, with one line of result. */

export interface LaneResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Why it failed or was skipped, or what is worth knowing; shown below the lane's line. */
  readonly notes: readonly string[];
}

export interface Lane {
  readonly name: string;
  readonly about: string;
  /** Whether the go-built tools are needed, so that they are built while earlier lanes run. */
  readonly tools?: readonly ToolName[];
  /** Mostly waits for the network: the lanes after it don't wait for it. */
  readonly beside?: boolean;
  /** Names of lanes that must have ended before. */
  readonly after?: readonly string[];
  run(context: LaneContext): Promise<LaneResult>;
}

export type ToolName = 'k6' | 'helm' | 'toxiproxy';

export interface LaneContext {
  /** A folder of this run's own: reports, logs, states of stacks. Kept when something failed. */
  readonly workDir: string;
  /** Where test stacks put their state folders. */
  readonly stateRoot: string;
  readonly aborted: AbortSignal;
  /** The tool's program; a reason where it can't be had. */
  tool(name: ToolName): Promise<{ program: string } | { missing: string }>;
}

export const pass = (passed = 1): LaneResult => ({ passed, failed: 0, skipped: 0, notes: [] });
export const fail = (...notes: string[]): LaneResult => ({ passed: 0, failed: 1, skipped: 0, notes });
export const skip = (reason: string): LaneResult => ({ passed: 0, failed: 0, skipped: 1, notes: [reason] });

export function sum(results: readonly LaneResult[]): LaneResult {
  const total = (pick: (result: LaneResult) => number): number =>
    results.reduce((all, result) => all + pick(result), 0);
  return {
    passed: total((result) => result.passed),
    failed: total((result) => result.failed),
    skipped: total((result) => result.skipped),
    notes: results.flatMap((result) => result.notes),
  };
}
