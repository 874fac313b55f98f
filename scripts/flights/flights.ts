/**
 * The data set: `flights-3m.parquet` of the npm package `vega-datasets`, 3,000,000 domestic flights in the USA, January to June
 * 2001. Columns: `date` (scheduled departure, local time, minutes), `delay` (minutes, negative is early), `distance` (miles), `origin` and
 * `destination` (IATA codes, 229 of them). None is ever null, and rows stand in the order of `date`; both are checked while reading.
 */
import { fileURLToPath } from 'node:url';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { RoomlogError } from '../../core/errors.ts';

export interface Flight {
  /** Scheduled departure, local time at the origin: `2001-01-01T00:01`. */
  readonly date: string;
  readonly origin: string;
  readonly destination: string;
  readonly delayMinutes: number;
  readonly distanceMiles: number;
}

/** The package exports its JavaScript only, so its files are named by path. */
const DATA_SET = fileURLToPath(new URL('../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url));

/** Yields all flights in time order. One row group (272,727 rows) is in memory at a time. */
export async function* readFlights(path: string = DATA_SET): AsyncGenerator<Flight, void, void> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  let rowStart = 0;
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const rows = await parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd });
    for (const [index, row] of rows.entries()) {
      const { date } = row;
      if (!(date instanceof Date) || date.getTime() < lastMs) throw unusable(path, rowStart + index);
      lastMs = date.getTime();
      yield {
        date: date.toISOString().slice(0, 16),
        origin: String(row.origin),
        destination: String(row.destination),
        delayMinutes: Number(row.delay),
        distanceMiles: Number(row.distance),
      };
    }
    rowStart = rowEnd;
  }
}

function unusable(path: string, row: number): RoomlogError {
  return new RoomlogError('corrupt_record', `${path}: row ${row} has no date, or an earlier one than the row before.`);
}
