/** lz4js 0.2.0 comes without types; only what codecs.ts uses. */
declare module 'lz4js' {
  const lz4: {
    /** Unpacks one block; returns where in `to` it ended. Writes past the end of `to` are lost, but counted. */
    decompressBlock(from: Uint8Array, to: Uint8Array, fromIndex: number, bytes: number, toIndex: number): number;
    compress(bytes: Uint8Array): Uint8Array;
  };
  export default lz4;
}

/** snappyjs 0.7.0; a Buffer in gives a Buffer out. */
declare module 'snappyjs' {
  const snappy: {
    uncompress(block: Uint8Array, maxBytes?: number): Uint8Array;
    compress(bytes: Uint8Array): Uint8Array;
  };
  export default snappy;
}
