import { expect, test } from 'vitest';
import { readOptions } from './options.ts';

const config = {
  options: {
    rates: { type: 'string', default: '20,200' },
    repeats: { type: 'string', default: '3' },
    'warm-up': { type: 'string', default: '2' },
    sides: { type: 'string', default: 'roomlog,ws' },
    quick: { type: 'boolean', default: false },
  },
} as const;
const read = (...args: string[]) => readOptions(config, args).values;

test('options are read as parseArgs reads them', () => {
  expect(read('--rates', '5', '--warm-up', '0', '--sides', 'ws', '--quick')).toMatchObject({
    ...{ rates: '5', repeats: '3', 'warm-up': '0', sides: 'ws', quick: true },
  });
});

test.each([
  [
    '--repeat 5',
    "Unknown option '--repeat'. There are: --rates 20,200, --repeats 3, --warm-up 2, --sides roomlog,ws, --quick",
  ],
  ['--quick=yes', "Option '--quick' does not take an argument. There are"],
  ['--rates x', '--rates is numbers with commas between above 0, as in 20,200; not "x"'],
  ['--rates 20,,5', 'not "20,,5"'],
  ['--rates 20,0', 'not "20,0"'],
  ['--repeats 0', '--repeats is a number above 0'],
  ['--warm-up 1,2', '--warm-up is a number, as in 2; not "1,2"'],
  ['--warm-up NaN', 'not "NaN"'],
])('%s is refused, with what would be right', (args, message) => {
  expect(() => read(...args.split(' '))).toThrow(
    expect.objectContaining({ code: 'usage', message: expect.stringContaining(message) }),
  );
});
