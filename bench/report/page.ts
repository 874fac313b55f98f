/** docs/benchmarks.md of all results. */
import { type BenchGoal, type BenchResult, type BenchRow, FIGURES, isMet } from '../support/result.ts';
import { VOID_ABOVE } from '../support/rounds.ts';
import { type Picture, picturesOf, withUnit } from './plots.ts';
import { figure } from './svg.ts';

export interface Report {
  readonly page: string;
  readonly pictures: readonly Picture[];
}

/** What the figures of the table of goals are about, for headings. */
const SUBJECTS: Readonly<Record<string, string>> = {
  P1: 'fan-out into one hot room',
  P2: 'fan-out over many rooms',
  P3: 'publish → delivered',
  P4: 'the sequencer',
  P5: 'publishes into a gateway',
  P6: 'memory per connection',
  P7: 'CPU per connection',
  P8: 'a storm of reconnects',
  P9: 'replay and verify',
  P10: 'growth',
};
/** Of results for goals that have no number. */
const UNNUMBERED = 'issue';

const percent = (share: number): string => `${Math.round(share * 100)} %`;
const cells = (values: readonly string[]): string =>
  `| ${values.map((one) => one.replaceAll('|', '\\|')).join(' | ')} |`;
const table = (head: readonly string[], rows: ReadonlyArray<readonly string[]>): string[] => [
  cells(head),
  cells(head.map(() => '---')),
  ...rows.map(cells),
  '',
];

export function reportOf(results: ReadonlyMap<string, BenchResult>): Report {
  const pictures: Picture[] = [];
  const sections = [...Map.groupBy(results, ([, { figure: about }]) => about)]
    .sort(([a], [b]) => placeOf(a) - placeOf(b) || a.localeCompare(b))
    .flatMap(([about, members]) => [
      `## ${headingOf(about)}`,
      '',
      ...members.flatMap(([name, result]) => {
        const drawn = picturesOf(name, result);
        pictures.push(...drawn);
        return sectionOf(name, result, drawn);
      }),
    ]);
  const page = [...INTRODUCTION, ...summaryOf(results), ...sections].join('\n');
  return { page, pictures };
}

const INTRODUCTION = [
  '# Benchmarks',
  '',
  '<!-- Made by `scripts/bench report` from bench/results/*.json; a test compares. Change those, not this. -->',
  '',
  'Roomlog and what people would use instead, in turn, in one run, on the same cores of one machine. Ratios are the figures to trust: absolute ones',
  "are the machine's. Values are medians over the rounds that count, with the lowest and the highest of them. A round is void where the load",
  `generator or the brokers were over ${percent(VOID_ABOVE.load)} busy or the hypervisor took over ${percent(VOID_ABOVE.stolen)} of the cores: it is repeated, and counted here as thrown away. Latency`,
  'counts from the moment an event should have been sent. [bench/README.md](../bench/README.md) says how each program works; [performance.md](performance.md)',
  'says where the time goes.',
  '',
];

function summaryOf(results: ReadonlyMap<string, BenchResult>): string[] {
  const goals = [...results].flatMap(([name, { goals: own }]) => own.map((goal) => ({ name, goal })));
  if (goals.length === 0) return [];
  goals.sort((a, b) => placeOf(a.goal.figure) - placeOf(b.goal.figure) || a.name.localeCompare(b.name));
  const met = goals.filter(({ goal }) => isMet(goal)).length;
  return [
    '## What was to be reached',
    '',
    `${met} of ${goals.length} goals are met.`,
    '',
    ...table(
      ['', 'goal', 'to reach', 'reached', '', 'from'],
      goals.map(({ name, goal }) => [
        goal.figure === UNNUMBERED ? '' : goal.figure,
        goal.what,
        boundOf(goal),
        amount(goal.value, goal.unit),
        verdictOf(goal),
        `[${name}](#${name})`,
      ]),
    ),
  ];
}

function sectionOf(name: string, result: BenchResult, pictures: readonly Picture[]): string[] {
  const { machine, command, rounds, voidRounds, takenAt, goals, notes } = result;
  const { cpu, cores, memoryGiB, node } = machine;
  const facts = [
    `${takenAt.slice(0, 16).replace('T', ' ')} UTC`,
    `${cpu}, ${cores} cores, ${memoryGiB} GiB`,
    `Node ${node}`,
    ...Object.entries(result.versions).map(([what, version]) => `${what} ${version}`),
  ];
  const settings = Object.entries(result.settings).map(([key, value]) => `${key} ${settingOf(value)}`);
  return [
    `### ${name}`,
    '',
    '```sh',
    command,
    '```',
    '',
    `${facts.join('; ')}. ${rounds} rounds count, ${voidRounds} were void and thrown away.`,
    ...(settings.length === 0 ? [] : [`Settings: ${settings.join(', ')}.`]),
    '',
    ...pictures.flatMap(({ file, alt }) => [`![${alt}](images/bench/${file})`, '']),
    ...(goals.length === 0 ? [] : goalTable(goals)),
    ...rowTable(result.rows),
    ...notes.map((note) => `- ${note}`),
    ...(notes.length === 0 ? [] : ['']),
  ];
}

function goalTable(goals: readonly BenchGoal[]): string[] {
  return table(
    ['goal', 'to reach', 'reached', ''],
    goals.map((goal) => [goal.what, boundOf(goal), amount(goal.value, goal.unit), verdictOf(goal)]),
  );
}

/** Sides of one case and metric stand below each other, since they are to be compared. */
function rowTable(rows: readonly BenchRow[]): string[] {
  const together = [...Map.groupBy(rows, (row) => `${row.case}\n${row.metric}`).values()].flat();
  return table(
    ['case', 'metric', 'side', 'median', 'low – high', 'rounds'],
    together.map(({ case: what, metric, unit, side, median, low, high, rounds }) => [
      what,
      withUnit(metric, unit),
      side,
      figure(median),
      low === high ? '' : `${figure(low)} – ${figure(high)}`,
      String(rounds),
    ]),
  );
}

const amount = (value: number, unit: string): string => `${figure(value)} ${unit}`.trim();
const verdictOf = (goal: BenchGoal): string => (isMet(goal) ? 'met' : '**not met**');

function boundOf({ atMost, atLeast, unit }: BenchGoal): string {
  const bounds = [
    ...(atLeast === undefined ? [] : [`at least ${amount(atLeast, unit)}`]),
    ...(atMost === undefined ? [] : [`at most ${amount(atMost, unit)}`]),
  ];
  return bounds.join(', ');
}

function settingOf(value: unknown): string {
  if (typeof value === 'number') return value.toLocaleString('en-GB', { maximumFractionDigits: 3 });
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Figures in their order, then all else. A result of several figures (`P1 and P2`) stands at its first. */
function placeOf(about: string): number {
  const at = (FIGURES as readonly string[]).indexOf(/^P\d+/.exec(about)?.[0] ?? about);
  return at < 0 ? FIGURES.length : at;
}

function headingOf(about: string): string {
  if (about === UNNUMBERED) return 'Other goals';
  const subject = SUBJECTS[about];
  if (subject !== undefined) return `${about}: ${subject}`;
  return about.charAt(0).toUpperCase() + about.slice(1);
}
