/** What a skip would give up, for people and for programs. */
import type { SkipPlan } from '../../consumers/repair/diagnosis.ts';

export function planJson(plan: SkipPlan): object {
  const { partition, reason, found, lastInbound, answeredUntil, inbound, from, to, next } = plan;
  return {
    partition,
    reason,
    found,
    answeredUpTo: lastInbound,
    answeredUntil,
    inbound,
    lost: { from, to, offsets: to - from + 1 },
    next,
    waiting: inbound.end - next,
  };
}

export function planText(plan: SkipPlan): string {
  const { partition, reason, found, lastInbound, answeredUntil, inbound, next } = plan;
  const until = answeredUntil === 0 ? '' : `, log time ${new Date(answeredUntil).toISOString()}`;
  const answered = lastInbound < 0 ? 'nothing yet' : `up to inbound ${lastInbound}${until}`;
  return [
    `partition ${partition}: ${reason}: ${found}`,
    `  answered   ${answered}`,
    `  inbound    now holds offsets ${inbound.start} to ${inbound.end - 1} (end ${inbound.end})`,
    `  given up   ${lossOf(plan)}`,
    `  goes on    at inbound ${next}: ${inbound.end - next} offsets wait there`,
  ].join('\n');
}

function lossOf({ reason, from, to, inbound, next }: SkipPlan): string {
  if (reason === 'input_lost') {
    return `inbound ${from} to ${to}, ${to - from + 1} offsets; they are deleted, nothing of them can be read any more`;
  }
  const kept = next - inbound.start;
  const known =
    kept === 0 ? '' : `; of what is there now ${kept} offsets were answered before and are not sequenced again`;
  return `whatever the former inbound held behind offset ${to} without an answer; how much is not known${known}`;
}
