/**
 * Loaded before one sequencer (`node --import`): another version of the decision, as in a rolling upgrade. It refuses events
 * named `contested`, which the version beside it takes.
 */
import { Decider } from '../../../core/sequencing/decide.ts';

export const CONTESTED = 'contested';

const { decide } = Decider.prototype;
Decider.prototype.decide = function otherVersion(inbound, inboundTime, event) {
  if (event.event !== CONTESTED) return decide.call(this, inbound, inboundTime, event);
  return this.poison(inbound, inboundTime, { ...event, reason: 'bad_event' });
};
