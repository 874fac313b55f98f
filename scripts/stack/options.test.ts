import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDown, parseUp } from './options.ts';

describe('the command line of scripts/up', () => {
  it('starts one of each in .roomlog at 7400 when nothing is said', () => {
    expect(parseUp([])).toEqual({
      stateDir: resolve('.roomlog'),
      portBase: 7400,
      brokers: null,
      gateways: 1,
      sequencers: 1,
      fresh: false,
      detach: false,
      restart: null,
      infraOnly: false,
      help: false,
    });
  });

  it('takes every option, with a blank or an equals sign', () => {
    const argv = ['--brokers', '3', '--gateways=2', '--sequencers', '4', '--port-base=9000', '--state-dir', '/tmp/x'];
    expect(parseUp([...argv, '--fresh', '--detach', '--infra-only', '--yes'])).toMatchObject({
      brokers: 3,
      gateways: 2,
      sequencers: 4,
      portBase: 9000,
      stateDir: '/tmp/x',
      fresh: true,
      detach: true,
      infraOnly: true,
    });
  });

  it('tells all faults at once, each with what is allowed', () => {
    const told = faultsOf(() => parseUp(['--brokers', '2', '--gateways=none', '--port-base', '80', '--prot', 'x']));
    expect(told).toContain('--brokers is "2"; allowed: 1 or 3');
    expect(told).toContain('--gateways is "none"; allowed: a whole number from 1 to 16');
    expect(told).toContain('--port-base is "80"; allowed: a whole number from 1024 to 65472');
    expect(told).toMatch(/--prot is not known; known: .*--port-base/);
  });

  it.each([['--gateways'], ['--gateways='], ['--state-dir']])('refuses %s without a value', (flag) => {
    expect(faultsOf(() => parseUp([flag]))).toContain(`${flag.replace('=', '')} needs a value`);
  });

  it('refuses a value where none belongs', () => {
    expect(faultsOf(() => parseUp(['--fresh=no']))).toContain('--fresh takes no value');
  });

  it('refuses to bring back a process and to start empty in one', () => {
    expect(faultsOf(() => parseUp(['--restart', 'redis', '--fresh']))).toContain('--restart brings back one process');
  });
});

describe('the command line of scripts/down', () => {
  it('takes a state folder', () => {
    expect(parseDown(['--state-dir', '/tmp/y'])).toEqual({ stateDir: '/tmp/y', help: false });
  });

  it('refuses what only scripts/up takes', () => {
    expect(faultsOf(() => parseDown(['--fresh']))).toContain('--fresh is not known');
  });
});

function faultsOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toMatchObject({ code: 'config_invalid' });
    return (error as Error).message;
  }
  throw new Error('it was accepted');
}
