/** Says what went wrong, on k6's console: the first few times, as ten thousand clients tend to have the same trouble. */

const MAX_LINES_PER_VU = 10;
let lines = 0;

export function complain(line: string): void {
  lines++;
  if (lines <= MAX_LINES_PER_VU) console.error(line);
  if (lines === MAX_LINES_PER_VU) console.error('… and more, not shown');
}
