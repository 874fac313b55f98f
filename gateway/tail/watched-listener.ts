/** Between a followed partition and whoever it tells: signs of life go to the canary watch, and a halt may be an alarm. */
import { type Alarms, alarmOf } from '../../core/alarms.ts';
import type { Partition } from '../../core/ids.ts';
import type { CanaryWatch } from './canary-watch.ts';
import type { PartitionListener } from './partition-listener.ts';

export function watched(
  partition: Partition,
  listener: Omit<PartitionListener, 'onClaim'>,
  canaries: CanaryWatch,
  alarms: Alarms,
): PartitionListener {
  return {
    ...listener,
    onEvent: (event) => {
      canaries.onEvent(partition);
      listener.onEvent(event);
    },
    onAnswer: (answer) => {
      if (!canaries.onAnswer(partition, answer)) listener.onAnswer(answer);
    },
    onJump: () => {
      canaries.onJump(partition);
      listener.onJump();
    },
    onClaim: (claim) => canaries.onClaim(partition, claim),
    onHalt: (error) => {
      listener.onHalt(error);
      const alarm = alarmOf(error);
      if (alarm !== null) alarms.raise(alarm, partition, error.message);
    },
  };
}
