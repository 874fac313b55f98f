/** The objects of a file of JSON lines, each with the number of its line. A file that was cut off is an error, not a shorter file. */
export function* jsonLinesOf<T>(text: string, what: string): IterableIterator<[number: number, parsed: T]> {
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    let parsed: unknown;
    try {
      parsed = JSON.parse(line);
    } catch (cause) {
      throw new TypeError(`Line ${index + 1} of the ${what} is no JSON.`, { cause });
    }
    if (typeof parsed !== 'object' || parsed === null)
      throw new TypeError(`Line ${index + 1} of the ${what} is no object.`);
    yield [index + 1, parsed as T];
  }
}
