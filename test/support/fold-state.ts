/** Everything that a fold knows, as plain data to compare two folds by. */
import type { Fold } from '../../core/log/fold.ts';

export function stateOf(fold: Fold) {
  const { chain, heads, publishers } = fold;
  const {
    epoch,
    lastInbound,
    lastInboundTime,
    logTime,
    streamId,
    partitions,
    complete,
    settled,
    claimNonce,
    answeredAtClaim,
  } = chain;
  return {
    chain: { epoch, lastInbound, lastInboundTime, logTime, streamId, partitions, complete, settled, answeredAtClaim },
    nonce: claimNonce === null ? null : Buffer.from(claimNonce).toString('hex'),
    heads: [...heads.entries()],
    publishers: [...(publishers?.publishers() ?? [])].map(([name, { state }]) => [name, state.last, [...state.window]]),
    keys: [...(publishers?.keys() ?? [])],
    forgottenBefore: publishers?.forgottenBefore ?? null,
  };
}
