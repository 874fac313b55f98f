import { describe, expect, test } from 'vitest';
import { Addresses, networkOf } from './addresses.ts';

describe('networkOf', () => {
  test.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:10.0.0.1', '10.0.0.1'],
    ['::1', '0:0:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['2001:db8:1:2:3::', '2001:db8:1:2::/64'],
    ['', ''],
  ])('counts %s under %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});

describe('Addresses', () => {
  test('refuses one more than the limit, per address, and takes it once another has gone', () => {
    const addresses = new Addresses(2);
    expect([addresses.enter('10.0.0.1'), addresses.enter('::ffff:10.0.0.1'), addresses.enter('10.0.0.1')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(addresses.enter('10.0.0.2')).toBe(true);
    addresses.exit('10.0.0.1');
    expect(addresses.enter('10.0.0.1')).toBe(true);
    expect(addresses.enter('10.0.0.1')).toBe(false);
  });

  test('keeps nothing of an address that has gone', () => {
    const addresses = new Addresses(2);
    addresses.enter('10.0.0.1');
    addresses.enter('10.0.0.1');
    addresses.exit('10.0.0.1');
    expect(addresses.size).toBe(1);
    addresses.exit('10.0.0.1');
    expect(addresses.size).toBe(0);
  });
});
