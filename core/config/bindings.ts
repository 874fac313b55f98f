/** The entries of `registry.boundEvents`. */

/** Entries; each costs a look at the registry every `registry.refreshMs`. */
export const MAX_BOUND_EVENTS = 1_000;

/** Events of this name have data of this subject's schema. */
export interface Binding {
  readonly event: string;
  readonly subject: string;
}

/** `event=subject`; null for what is none. An event's name may hold `=` itself, a subject's may not. */
export function readBinding(entry: string): Binding | null {
  const equals = entry.lastIndexOf('=');
  const event = entry.slice(0, Math.max(0, equals)).trim();
  const subject = entry.slice(equals + 1).trim();
  return event === '' || subject === '' ? null : { event, subject };
}

/** Entries that the configuration's rules have passed. */
export const readBindings = (entries: readonly string[]): Binding[] =>
  entries.map(readBinding).filter((binding) => binding !== null);
