/** Fetches the next portion while the one before it is worked on. Whoever stops early closes the source. */

export async function* readAhead<Portion>(source: AsyncIterable<Portion>): AsyncGenerator<Portion> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    let pending = iterator.next();
    for (;;) {
      const { done, value } = await pending;
      if (done === true) return;
      pending = iterator.next();
      // Whoever stops early never looks at it.
      pending.catch(() => {});
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}
