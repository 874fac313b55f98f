import { expect, test } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import { LentSchemas, lendSchemas } from './lent-schemas.ts';

test('a thread asks its parent once for each schema, and is told why one can not be had', async () => {
  const asked: number[] = [];
  const load = async (id: number): Promise<string> => {
    asked.push(id);
    if (id === 9) throw new RoomlogError('schema_not_found', 'no such schema', { details: { id } });
    return `schema ${id}`;
  };
  const port = lendSchemas({ known: () => undefined, load });
  try {
    const schemas = new LentSchemas(port);
    expect(schemas.known(7)).toBeUndefined();
    const both = [schemas.load(7), schemas.load(8), schemas.load(7)];
    expect(await Promise.all(both)).toEqual(['schema 7', 'schema 8', 'schema 7']);
    expect(schemas.known(7)).toBe('schema 7');
    expect(await schemas.load(7)).toBe('schema 7');
    expect(asked).toEqual([7, 8]);
    await expect(schemas.load(9)).rejects.toMatchObject({ code: 'schema_not_found', details: { id: 9 } });
    await expect(schemas.load(9)).rejects.toBeInstanceOf(RoomlogError);
  } finally {
    port.close();
  }
});
