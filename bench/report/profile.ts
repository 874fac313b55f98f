/** Where a V8 profile's time was spent: self time by module, as shares of the time in which the process worked. */

/** As `node --cpu-prof` writes it (https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile). */
export interface CpuProfile {
  readonly nodes: ReadonlyArray<{
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }>;
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

export interface Spent {
  readonly name: string;
  readonly ms: number;
  /** Of the time in which the process worked. */
  readonly share: number;
  /** What took most of it: functions with their shares of all work. */
  readonly functions: ReadonlyArray<{ readonly name: string; readonly share: number }>;
}

export interface ProfileReport {
  readonly workedMs: number;
  /** In which the process waited, or the system had it wait. */
  readonly idleMs: number;
  /** Most first. */
  readonly modules: readonly Spent[];
}

const IDLE = '(idle)';
const SHOWN_FUNCTIONS = 3;
/** Bindings of Node and functions of V8; `writeBuffer` is the system call that writes to a socket. */
const BUILT_IN = 'built-in functions of Node and V8';
/** V8's own frames have no file; what they are called says little. */
const OWN_FRAMES: Readonly<Record<string, string>> = {
  '(garbage collector)': 'V8: garbage collection',
  '(program)': 'native code outside of JavaScript (system calls, libuv, V8)',
  '(root)': 'native code outside of JavaScript (system calls, libuv, V8)',
};

/** Modules, or the parts of the house that they belong to: `gateway/fanout`, Node's sockets, loading of modules. */
export type GroupBy = 'module' | 'part';

/** Seconds since the profile began; a negative one counts from its end. */
export interface Between {
  readonly from: number;
  readonly to: number;
}

const ALL: Between = { from: 0, to: Number.POSITIVE_INFINITY };

/** `root`: file URL of the checkout, cut off from names. Samples with a negative delta (clocks differ between cores) count nothing. */
export function spentByModule(
  profile: CpuProfile,
  root: string,
  by: GroupBy = 'module',
  between: Between = ALL,
): ProfileReport {
  const [from, to] = microsOf(profile, between);
  let at = 0;
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byModule = new Map<string, Map<string, number>>();
  let [idle, worked] = [0, 0];
  for (const [index, id] of profile.samples.entries()) {
    at += profile.timeDeltas[index] ?? 0;
    if (at < from || at >= to) continue;
    // A delta is the time since the sample before: what was on the stack until now.
    const micros = Math.max(0, profile.timeDeltas[index + 1] ?? 0);
    const frame = frames.get(id);
    if (frame === undefined || frame.functionName === IDLE) {
      idle += micros;
      continue;
    }
    worked += micros;
    const module = by === 'part' ? partOf(moduleOf(frame, root)) : moduleOf(frame, root);
    const functions = byModule.get(module) ?? new Map<string, number>();
    const name = frame.functionName === '' ? `(anonymous, line ${frame.lineNumber + 1})` : frame.functionName;
    functions.set(name, (functions.get(name) ?? 0) + micros);
    byModule.set(module, functions);
  }
  const share = (micros: number) => micros / Math.max(1, worked);
  const modules = [...byModule].map(([name, functions]) => {
    const total = [...functions.values()].reduce((sum, micros) => sum + micros, 0);
    const most = [...functions].sort(([, a], [, b]) => b - a).slice(0, SHOWN_FUNCTIONS);
    return {
      name,
      ms: total / 1000,
      share: share(total),
      functions: most.map(([called, micros]) => ({ name: called, share: share(micros) })),
    };
  });
  modules.sort((a, b) => b.ms - a.ms);
  return { workedMs: worked / 1000, idleMs: idle / 1000, modules };
}

function microsOf({ timeDeltas }: CpuProfile, { from, to }: Between): readonly [number, number] {
  const all = timeDeltas.reduce((sum, micros) => sum + micros, 0);
  const place = (seconds: number): number => seconds * 1e6 + (seconds < 0 ? all : 0);
  return [place(from), place(to)];
}

function moduleOf(
  { url, functionName }: { readonly url: string; readonly functionName: string },
  root: string,
): string {
  if (url === '') return OWN_FRAMES[functionName] ?? BUILT_IN;
  if (url.startsWith('node:')) return url;
  const path = url.startsWith(root) ? url.slice(root.length) : url;
  // A package is one module.
  const [, name] = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path) ?? [];
  return name ?? path;
}

/** Ours by folder; what only happens at the start apart from what work needs. */
function partOf(module: string): string {
  if (/^(wasm:|node:internal\/(modules|bootstrap|deps|url|vm|process\/esm))/.test(module)) return 'loading of modules';
  if (/^node:(net|internal\/stream|internal\/streams)/.test(module)) return "Node's sockets and streams";
  if (/^node:(internal\/)?buffer/.test(module)) return "Node's buffers";
  if (module.startsWith('node:')) return 'the rest of Node';
  return /^(core|schemas)\//.test(module) ? (module.split('/')[0] ?? module) : module.split('/').slice(0, 2).join('/');
}

/** A Markdown table; modules below `atLeast` are one line. */
export function profileTable(report: ProfileReport, atLeast: number): string {
  const percent = (part: number) => `${(part * 100).toFixed(1)} %`;
  const shown = report.modules.filter(({ share }) => share >= atLeast);
  const rest = report.modules.filter(({ share }) => share < atLeast);
  const lines = shown.map(({ name, share, functions }) => {
    const most = functions.filter((one) => one.share >= atLeast / 2 && !name.startsWith('native'));
    const said =
      name === OWN_FRAMES['(garbage collector)']
        ? ''
        : most.map((one) => `\`${one.name}\` ${percent(one.share)}`).join(', ');
    return `| ${name.startsWith('V8') || name === BUILT_IN || name.startsWith('native') ? name : `\`${name}\``} | ${percent(share)} | ${said} |`;
  });
  const others = rest.reduce((sum, { share }) => sum + share, 0);
  return [
    '| module | share of the work | most of it |',
    '| --- | ---: | --- |',
    ...lines,
    `| ${rest.length} others | ${percent(others)} | |`,
    '',
  ].join('\n');
}
