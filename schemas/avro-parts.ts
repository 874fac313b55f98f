/** What the kinds of avsc's types are made of; its own types know only some of it. */
import type avsc from 'avsc';

export interface AvroParts {
  readonly typeName: string;
  readonly fields?: ReadonlyArray<{
    readonly name: string;
    readonly type: avsc.Type;
    /** undefined where there is none. */
    readonly defaultValue?: () => unknown;
  }>;
  readonly symbols?: readonly string[];
  readonly itemsType?: avsc.Type;
  readonly valuesType?: avsc.Type;
  readonly types?: readonly avsc.Type[];
  /** Of a logical type. */
  readonly underlyingType?: avsc.Type;
  readonly size?: number;
}

export const partsOf = (type: avsc.Type): AvroParts => type as unknown as AvroParts;
