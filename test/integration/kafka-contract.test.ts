/** The Kafka adapter keeps the log port's contract on real brokers. */
import { inject } from 'vitest';
import { readStackFile } from '../../scripts/stack/stack-file.ts';
import { statePaths } from '../../scripts/stack/state-dir.ts';
import { eventLogContract } from '../contract/event-log.ts';
import { makeKafkaHarness } from '../contract/kafka-harness.ts';

const brokers = readStackFile(statePaths(inject('stateDir')))?.kafka.brokers ?? [];

eventLogContract('The Kafka log', () => makeKafkaHarness(brokers));
