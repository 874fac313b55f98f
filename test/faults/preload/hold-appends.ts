/**
 * Loaded before a sequencer (`node --import`): holds its claims, or its data, back for as long as a file exists; so that a case can
 * stop it at exactly that place. ROOMLOG_TEST_HOLD is `claims:PATH` or `data:PATH`; PATH.held appears when something waits.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { KafkaLog } from '../../../adapters/kafka/kafka-log.ts';

const POLL_MS = 5;
const [, held, path] = /^(claims|data):(.+)$/.exec(process.env.ROOMLOG_TEST_HOLD ?? '') ?? [];
if (held === undefined || path === undefined) throw new Error('ROOMLOG_TEST_HOLD is claims:PATH or data:PATH');

const append = KafkaLog.prototype.append;
KafkaLog.prototype.append = async function holding(topic, batches) {
  // Claims alone have no key.
  const isClaim = batches.every(({ records }) => records.every(({ key }) => key === null));
  if (topic.endsWith('.outbound') && isClaim === (held === 'claims')) {
    for (let told = false; existsSync(path); await delay(POLL_MS)) {
      if (told) continue;
      told = true;
      // Opens the connections, and sends nothing: what is let go later then leaves at once, also into a network that answers late.
      const nothing = batches.map((batch) => ({ ...batch, mayLeave: () => false }));
      await append.call(this, topic, nothing);
      writeFileSync(`${path}.held`, '');
    }
  }
  return await append.call(this, topic, batches);
};
