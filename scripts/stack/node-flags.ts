/**
 * What Node is started with for each command, as ./roomlog and the image's entrypoint (deploy/roomlog.sh) do it.
 *
 *     sequencer   a larger young generation: what it allocates lives until it is read back, and is collected less often so
 *     gateway     one helper thread of V8's instead of four: where they share the event loop's core, as in a small container, each that compiles or
 *                 collects takes as much of it as the loop, and live members wait
 */
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  sequencer: ['--max-semi-space-size=64'],
  gateway: ['--v8-pool-size=1'],
};

export const nodeFlags = (command: string): readonly string[] => FLAGS[command] ?? [];
