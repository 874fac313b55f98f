/** The custom metrics of all scripts. k6 wants them made before the load begins; k6/README.md says what each means. */
import { Counter, Rate, Trend } from 'k6/metrics';

export const deliveryMs = new Trend('roomlog_delivery_ms', true);
export const ackMs = new Trend('roomlog_ack_ms', true);
export const lateMs = new Trend('roomlog_late_ms', true);
export const connectMs = new Trend('roomlog_connect_ms', true);
export const recoveryMs = new Trend('roomlog_recovery_ms', true);
export const recovered = new Rate('roomlog_recovered');
/** What is counted, by the metric's name without `roomlog_`. */
export const COUNTERS = {
  published: new Counter('roomlog_published'),
  acked: new Counter('roomlog_acked'),
  delivered: new Counter('roomlog_delivered'),
  lost: new Counter('roomlog_lost'),
  gaps: new Counter('roomlog_gaps'),
  duplicates: new Counter('roomlog_duplicates'),
  disorder: new Counter('roomlog_disorder'),
  errors: new Counter('roomlog_errors'),
  refused: new Counter('roomlog_refused'),
  disconnects: new Counter('roomlog_disconnects'),
  clients_done: new Counter('roomlog_clients_done'),
};
