/**
 * Calms kafkajs 2.2.4. After every answer each of its connections arms a timer for the end of the broker's throttling, also where there is
 * none: with `-1 - Date.now()`, of which Node warns and makes 1 ms, for ever. It is needed only while requests wait. Imported by
 * whoever makes a `Kafka`, since its admin and producers build connections that can't be reached.
 */
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

/** kafkajs's own interval where nothing is throttled. */
const THROTTLE_CHECK_MS = 10;

RequestQueue.prototype.scheduleCheckPendingRequests = function scheduleCheckPendingRequests(): void {
  if (this.pending.length === 0 || this.throttleCheckTimeoutId) return;
  const waitMs = Math.max(THROTTLE_CHECK_MS, this.throttledUntil - Date.now());
  this.throttleCheckTimeoutId = setTimeout(() => {
    this.throttleCheckTimeoutId = null;
    this.checkPendingRequests();
  }, waitMs);
};
