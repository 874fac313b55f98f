/** Asks for the next portions while the one before them is worked on. Whoever stops early closes the source. */

/** @param ahead how many portions; of more than one only a source can be asked that takes several questions at once, as generators do */
export async function* readAhead<Portion>(source: AsyncIterable<Portion>, ahead = 1): AsyncGenerator<Portion> {
  const iterator = source[Symbol.asyncIterator]();
  const asked: Promise<IteratorResult<Portion>>[] = [];
  const ask = (): void => {
    const next = iterator.next();
    // Whoever stops early never looks at it.
    next.catch(() => {});
    asked.push(next);
  };
  try {
    while (asked.length < ahead) ask();
    for (;;) {
      const { done, value } = await (asked.shift() as Promise<IteratorResult<Portion>>);
      if (done === true) return;
      ask();
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}
