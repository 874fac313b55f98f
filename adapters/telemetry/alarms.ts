/** A process's alarms, with their metrics. */
import { ALARMS, type Alarm, Alarms } from '../../core/alarms.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { Metrics } from './metrics.ts';

export function openAlarms(logger: LogSink, clock: Clock, metrics: Metrics): Alarms {
  const counter = metrics.counter('roomlog_alarms_total', 'Times that an alarm began, by alarm.');
  const names = Object.keys(ALARMS) as Alarm[];
  const counted = Object.fromEntries(names.map((alarm) => [alarm, counter.with({ alarm })]));
  const alarms = new Alarms({ logger, clock, onRaised: (alarm) => counted[alarm]?.add() });
  metrics.gauge('roomlog_alarms_raised', 'Alarms that are raised now, by alarm: each needs an operator.', () => {
    const raised = alarms.raised();
    return names.map((name) => [raised.filter(({ alarm }) => alarm === name).length, { alarm: name }] as const);
  });
  return alarms;
}
