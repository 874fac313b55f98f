/** lz4js 0.2.0 comes without types; only what codecs.ts uses. */
declare module 'lz4js' {
  const lz4: {
    /** The greatest size that the frame can unpack to, from its headers. */
    decompressBound(frame: Uint8Array): number;
    decompress(frame: Uint8Array): Uint8Array;
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
