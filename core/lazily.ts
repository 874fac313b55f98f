/** Made when it is first asked for, then the same for ever. What `make` throws is thrown to who asks, and it is made anew for the next. */
export function lazily<Made extends object>(make: () => Made): () => Made {
  let made: Made | null = null;
  return () => {
    made ??= make();
    return made;
  };
}
