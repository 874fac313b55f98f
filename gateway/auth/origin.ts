/**
 * The `Origin` allow-list, exact: browsers send scheme, host and port, and so must the list. Decides before the upgrade, so
 * that a foreign page never gets a socket (RFC 6455, section 10.2).
 */

export interface OriginVerdict {
  readonly allowed: boolean;
  /** Whether a cookie of this request may speak for the user: only when the very origin is listed, never by `*`. */
  readonly cookieTrusted: boolean;
}

const REFUSED: OriginVerdict = { allowed: false, cookieTrusted: false };
const WITHOUT_COOKIE: OriginVerdict = { allowed: true, cookieTrusted: false };
const TRUSTED: OriginVerdict = { allowed: true, cookieTrusted: true };

export class OriginList {
  readonly #listed: ReadonlySet<string>;
  readonly #any: boolean;

  /** @param allowed `auth.allowedOrigins` */
  constructor(allowed: readonly string[]) {
    this.#listed = new Set(allowed.filter((origin) => origin !== '*' && origin !== 'null'));
    this.#any = allowed.includes('*');
  }

  /**
   * @param origin the `Origin` header; undefined for clients that are no browsers
   * @param hasCookieToken whether the configured cookie came along. A browser always names its origin where cookies travel, so
   *   a cookie without one is refused.
   */
  judge(origin: string | undefined, hasCookieToken: boolean): OriginVerdict {
    if (origin === undefined) return hasCookieToken ? REFUSED : WITHOUT_COOKIE;
    if (this.#listed.has(origin)) return TRUSTED;
    return this.#any ? WITHOUT_COOKIE : REFUSED;
  }
}
