/** The loads that more than one script brings: who is where, and who says how much. */
import type { Target } from './options.ts';
import { byChance, type Pace, steady } from './pace.ts';
import { chat, onePublisherPerRoom, oneReaderPerRoom, type Plan } from './plan.ts';
import type { Absences, Load } from './run.ts';

/** What a publishing load takes of the environment. */
export interface PublishingValues {
  readonly LOAD_CLIENTS: number;
  readonly LOAD_ROOMS: number;
  readonly LOAD_RATE: number;
  readonly LOAD_BATCH: number;
  readonly LOAD_SAMPLE: number;
  readonly LOAD_BYTES: number;
}

export interface ChatValues extends PublishingValues {
  readonly LOAD_ROOMS_PER_CLIENT: number;
}

export interface Around {
  readonly target: Target;
  readonly vus: number;
  readonly absences?: Absences;
}

/** Everybody is in a few rooms and says something now and then. */
export function chatLoad(values: ChatValues, around: Around): Load {
  const { LOAD_CLIENTS, LOAD_ROOMS, LOAD_ROOMS_PER_CLIENT, LOAD_RATE } = values;
  const pace = byChance((1000 * LOAD_CLIENTS * LOAD_ROOMS_PER_CLIENT) / LOAD_RATE);
  return publishing(values, around, chat(LOAD_CLIENTS, LOAD_ROOMS, LOAD_ROOMS_PER_CLIENT), pace);
}

export const roomsForChat = (values: ChatValues): string | false =>
  values.LOAD_ROOMS < values.LOAD_ROOMS_PER_CLIENT &&
  `LOAD_ROOMS is ${values.LOAD_ROOMS}; allowed: at least LOAD_ROOMS_PER_CLIENT, ${values.LOAD_ROOMS_PER_CLIENT}`;

/** One publishes in each room, all others read. */
export function onePublisherLoad(values: PublishingValues, around: Around): Load {
  const { LOAD_CLIENTS, LOAD_ROOMS, LOAD_RATE } = values;
  return publishing(
    values,
    around,
    onePublisherPerRoom(LOAD_CLIENTS, LOAD_ROOMS),
    steady((1000 * LOAD_ROOMS) / LOAD_RATE),
  );
}

/** All publish; one of each room reads what the others say. */
export function oneReaderLoad(values: PublishingValues, around: Around): Load {
  const { LOAD_CLIENTS, LOAD_ROOMS, LOAD_RATE } = values;
  return publishing(
    values,
    around,
    oneReaderPerRoom(LOAD_CLIENTS, LOAD_ROOMS),
    steady((1000 * LOAD_CLIENTS) / LOAD_RATE),
  );
}

function publishing(values: PublishingValues, { target, vus, absences }: Around, plan: Plan, pace: Pace): Load {
  return {
    ...{ plan, target, vus, pace },
    batch: values.LOAD_BATCH === 1,
    sample: values.LOAD_SAMPLE,
    bytes: values.LOAD_BYTES,
    stay: false,
    absences: absences ?? null,
  };
}
