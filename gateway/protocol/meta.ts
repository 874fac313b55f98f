/** A member's `meta` as it comes back from Redis: parsed and written again, so that nothing there can break a frame open. */

/** null where it is no JSON. */
export function parseMeta(meta: string): unknown {
  try {
    return JSON.parse(meta);
  } catch {
    return null;
  }
}

/** JSON text in any case. */
export const metaText = (meta: string): string => JSON.stringify(parseMeta(meta));
