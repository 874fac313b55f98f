/** What values of the configuration are made of. */
import { z } from 'zod';

/** Longest delay that Node's timers keep; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;
export const ms = () => z.number().int().positive().max(MAX_TIMER_MS);
/** A length of log time that no timer waits for. */
export const age = () => z.number().int().positive();
export const count = () => z.number().int().positive();
export const bytes = () => z.number().int().positive();
export const port = () => z.number().int().min(0).max(65_535);
export const list = () => z.array(z.string().min(1));
/** A value that is never printed: `config check` and logs show `[redacted]`. */
export const secret = () => z.string().min(1).meta({ secret: true });
