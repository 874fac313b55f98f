/**
 * Several processes' metrics as one page of Prometheus' text format 0.0.4: each family is introduced once, by its HELP and TYPE lines, and all of
 * its samples follow, told apart by a label.
 *
 *     # HELP websocket_connections Open WebSocket connections.     from the first that has it
 *     # TYPE websocket_connections gauge
 *     websocket_connections{worker="gateway-1-1"} 3                  of the first
 *     websocket_connections{worker="gateway-1-2"} 4                  of the second
 */

/** What one process rendered. */
export interface Exposition {
  /** Value of the label. */
  readonly worker: string;
  readonly text: string;
}

/** Which of the processes a sample is of. */
const LABEL = 'worker';

interface Family {
  /** HELP and TYPE, from whoever told them first. */
  readonly head: Map<string, string>;
  readonly samples: string[];
}

export function mergeExpositions(all: readonly Exposition[]): string {
  const families = new Map<string, Family>();
  for (const one of all) add(families, one);
  const lines: string[] = [];
  for (const { head, samples } of families.values()) lines.push(...head.values(), ...samples);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function add(families: Map<string, Family>, { worker, text }: Exposition): void {
  const label = `${LABEL}="${escapeValue(worker)}"`;
  /** Samples belong to the family introduced last, also those of a histogram, whose names have an ending. */
  let current: { readonly name: string; readonly family: Family } | null = null;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const introduced = /^# (HELP|TYPE) (\S+)/.exec(line);
    if (introduced !== null) {
      const [, kind = '', name = ''] = introduced;
      const family = familyOf(families, name);
      current = { name, family };
      if (!family.head.has(kind)) family.head.set(kind, line);
    } else if (!line.startsWith('#')) {
      const [name = ''] = /^[^{\s]+/.exec(line) ?? [];
      const family = current !== null && name.startsWith(current.name) ? current.family : familyOf(families, name);
      family.samples.push(labelled(line, name.length, label));
    }
  }
}

function familyOf(families: Map<string, Family>, name: string): Family {
  let family = families.get(name);
  if (family === undefined) {
    family = { head: new Map(), samples: [] };
    families.set(name, family);
  }
  return family;
}

/** `name{a="b"} 1` or `name 1`, with one label more, the first. */
function labelled(sample: string, nameLength: number, label: string): string {
  const name = sample.slice(0, nameLength);
  if (sample[nameLength] !== '{') return `${name}{${label}}${sample.slice(nameLength)}`;
  const rest = sample.slice(nameLength + 1);
  return rest.trimStart().startsWith('}') ? `${name}{${label}${rest}` : `${name}{${label},${rest}`;
}

const escapeValue = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
