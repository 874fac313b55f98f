import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundsOf } from './avro-bounds.ts';
import { parseSchema } from './avro-reader.ts';
import { SCHEMAS } from './schemas.ts';

const TREE = parseSchema(
  JSON.stringify({
    type: 'record',
    name: 'Tree',
    fields: [
      { name: 'leaves', type: { type: 'array', items: ['null', 'long', 'string', 'bytes'] } },
      { name: 'by', type: { type: 'map', values: 'double' } },
      { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['A', 'B'] } },
      { name: 'hash', type: { type: 'fixed', name: 'Hash', size: 3 } },
      { name: 'flag', type: 'boolean' },
      { name: 'children', type: { type: 'array', items: 'Tree' } },
    ],
  }),
);

type Tree = Record<string, unknown>;
const leaf = fc.oneof(
  fc.constant(null),
  // avsc writes none of the outermost safe integers.
  fc.integer({ min: -(2 ** 52), max: 2 ** 52 }).map((long) => ({ long })),
  fc.string().map((string) => ({ string })),
  fc.uint8Array().map((bytes) => ({ bytes: Buffer.from(bytes) })),
);
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.record({
    leaves: fc.array(leaf, { maxLength: 4 }),
    by: fc.dictionary(fc.string(), fc.double({ noNaN: true }), { maxKeys: 3 }),
    kind: fc.constantFrom('A', 'B'),
    hash: fc.uint8Array({ minLength: 3, maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
    flag: fc.boolean(),
    // By its expected number alone, an array would let a tree grow until the stack is full.
    children: fc.oneof(
      { maxDepth: 5, depthIdentifier: 'tree' },
      fc.constant([]),
      fc.array(tie('tree'), { maxLength: 2 }),
    ),
  }),
}));

describe('boundsOf', () => {
  const bounds = boundsOf(TREE);

  it('lets whole records pass, wherever they begin', () => {
    fc.assert(
      fc.property(tree, fc.nat(3), (value, from) => {
        const written = parseWrapped(value);
        expect(bounds?.(Buffer.concat([Buffer.alloc(from), written]), from)).toBe(true);
      }),
    );
  });

  it('refuses records that end too early', () => {
    fc.assert(
      fc.property(tree, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (value, part) => {
        const written = parseWrapped(value);
        expect(bounds?.(written.subarray(0, Math.floor(written.length * part)), 0)).toBe(false);
      }),
    );
  });

  it('refuses a count that the bytes behind it can not hold', () => {
    // leaves: one block of 2^40 items.
    expect(bounds?.(Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0, 0, 0, 0]), 0)).toBe(false);
  });

  it('has nothing to look for where no schema of the hot path has an array', () => {
    expect(boundsOf(parseSchema(SCHEMAS.inbound))).toBeNull();
    expect(boundsOf(parseSchema(SCHEMAS.outbound))).toBeNull();
    expect(boundsOf(parseSchema(SCHEMAS.snapshots))).not.toBeNull();
  });
});

/** `wrapUnions: 'auto'` takes these branches unwrapped. */
function parseWrapped(value: Tree): Buffer {
  const plain = (one: Tree): Tree => ({
    ...one,
    leaves: (one.leaves as Array<Record<string, unknown> | null>).map((each) => each && Object.values(each)[0]),
    children: (one.children as Tree[]).map(plain),
  });
  return TREE.toBuffer(plain(value));
}
