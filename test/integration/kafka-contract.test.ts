/** The Kafka adapter keeps the log port's contract on real brokers. */
import { inject } from 'vitest';
import { readStackFile } from '../../scripts/stack/stack-file.ts';
import { statePaths } from '../../scripts/stack/state-dir.ts';
import { eventLogContract } from '../contract/event-log.ts';
import { CLIENTS, makeKafkaHarness } from '../contract/kafka-harness.ts';

const brokers = readStackFile(statePaths(inject('stateDir')))?.kafka.brokers ?? [];

for (const client of CLIENTS) eventLogContract(`The Kafka log on ${client}`, () => makeKafkaHarness(brokers, client));
