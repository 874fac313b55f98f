/** What a schema registry says about Roomlog's subjects: for `roomlog doctor`. */
import type { Config } from '../../core/config/schema.ts';
import { COMPATIBILITY, createRestClient, isNotFound, registryError } from './rest-client.ts';

export interface SubjectFacts {
  readonly subject: string;
  /** Its compatibility level; null where it has none, so was never registered by Roomlog. */
  readonly compatibility: string | null;
  readonly wanted: string;
}

/** Throws `registry_unreachable`, `registry_refused`. */
export async function inspectSubjects(config: Config['registry'], topics: readonly string[]): Promise<SubjectFacts[]> {
  const client = createRestClient(config);
  const facts: SubjectFacts[] = [];
  for (const topic of topics) {
    const subject = `${topic}-value`;
    const compatibility = await client.getCompatibility(subject).catch((thrown: unknown) => {
      if (isNotFound(thrown)) return null;
      throw registryError(thrown, `Asking for ${subject}`, config.url);
    });
    facts.push({ subject, compatibility, wanted: COMPATIBILITY });
  }
  return facts;
}
