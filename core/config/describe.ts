/** The configuration for people: its documentation, its JSON schema, and a print without secrets. */
import { z } from 'zod';
import { CONFIG_KEYS, CONFIG_SECTIONS, type ConfigKey } from './keys.ts';
import { OTHER_ENV_NAMES } from './load.ts';
import { type Config, configSchema } from './schema.ts';

export const REDACTED = '[redacted]';

/** A copy to print: every secret that is set reads `[redacted]`. */
export function redactConfig(config: Config): Record<string, Record<string, unknown>> {
  const copy: Record<string, Record<string, unknown>> = {};
  for (const [section, values] of Object.entries(config)) copy[section] = { ...values };
  for (const { section, name, secret } of CONFIG_KEYS) {
    const group = copy[section];
    if (secret && group?.[name] !== undefined) group[name] = REDACTED;
  }
  return copy;
}

/** JSON schema (draft 2020-12) of a config file, for editors and the Helm chart's `values.schema.json`. */
export function configJsonSchema(): object {
  return z.toJSONSchema(configSchema, { io: 'input' });
}

/** `docs/configuration.md`, whole. */
export function describeConfig(): string {
  return [
    INTRODUCTION,
    ...CONFIG_SECTIONS.map((section) => describeSection(section)),
    `## Other environment variables\n\nThese begin with \`ROOMLOG_\` but are no config keys: ${OTHER_ENV_NAMES.map((name) => `\`${name}\``).join(', ')}, and those that begin with \`ROOMLOG_TEST_\`.\n`,
  ].join('\n');
}

const INTRODUCTION = `# Configuration

<!-- Generated from core/config/schema.ts by \`roomlog config doc\`; edit there. -->

Defaults are overridden by a YAML file (\`--config\`), that by the environment, that by flags. \`kafka.maxWaitMs\` in a file is
\`ROOMLOG_KAFKA_MAX_WAIT_MS\` in the environment and \`--kafka-max-wait-ms\` on the command line. Lists are separated by commas in
the environment and in flags; an empty environment variable counts as not set. Unknown names are refused, and all faults are
told at once. \`roomlog config check\` prints what a process would use, with secrets redacted.

Units stand at the end of a name: \`Ms\` milliseconds, \`Bytes\` bytes.
`;

function describeSection(section: string): string {
  const rows = CONFIG_KEYS.filter((key) => key.section === section).map(describeKey);
  return `## ${section}\n\n| key | allowed | default | what |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
}

function describeKey({ name, allowed, defaultValue, secret, doc }: ConfigKey): string {
  const shown = defaultValue === undefined ? 'not set' : `\`${JSON.stringify(defaultValue)}\``;
  const cells = [`\`${name}\``, allowed.replaceAll('|', '\\|'), shown, `${doc}${secret ? ' Secret.' : ''}`];
  return `| ${cells.join(' | ')} |`;
}
