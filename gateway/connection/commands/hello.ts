/** `hello`: who is there, in which session; then the joins that it brought along. */
import { asRoomlogError, RoomlogError } from '../../../core/errors.ts';
import type { SessionId } from '../../../core/ids.ts';
import { mintSession, sessionTime } from '../../../core/sequencing/uuidv7.ts';
import type { Principal } from '../../auth/token.ts';
import { CLOSE } from '../../protocol/close-codes.ts';
import type { HelloFrame } from '../../protocol/frames.ts';
import { joinOf } from '../../protocol/validate.ts';
import type { Client } from '../client.ts';
import { handleCommand } from './command.ts';

/** What a client with too many connections is told to wait. */
const TOO_MANY_RETRY_MS = 5_000;

export async function handleHello(connection: Client, frame: HelloFrame): Promise<void> {
  const { services } = connection;
  connection.startVerifying();
  let principal: Principal;
  try {
    const token = frame.token ?? connection.upgradeToken;
    if (token === null) throw new RoomlogError('unauthorized', 'No token was given.');
    principal = await services.verifier.verify(token);
  } catch (thrown) {
    const error = asRoomlogError(thrown, 'unauthorized');
    connection.sendError(error);
    connection.close(CLOSE.unauthorized, error.message);
    return;
  }
  if (connection.state === 'closing') return;
  if (!services.connections.enter(principal.user)) {
    const details = { retryAfter: TOO_MANY_RETRY_MS };
    connection.sendError(new RoomlogError('rate_limited', 'This user has too many connections.', { details }));
    connection.close(CLOSE.rateLimited, 'too many connections of this user');
    return;
  }
  const session = frame.session ?? mintSession(services.clock.now(), services.random);
  connection.sink.batch = frame.batch;
  connection.open(principal, session);
  welcome(connection, principal, session);
  for (const entry of frame.rooms) joinFromHello(connection, entry);
}

function welcome(connection: Client, principal: Principal, session: SessionId): void {
  const { gateway, limits, clock, sessionMaxAgeMs } = connection.services;
  const frame = connection.encoding.welcome({
    type: 'welcome',
    connection: connection.id,
    gateway,
    user: principal.user,
    session,
    sessionExpires: (sessionTime(session) ?? clock.now()) + sessionMaxAgeMs,
    heartbeat: limits.pingIntervalMs,
    maxFrame: limits.maxFrameBytes,
    expires: principal.expiresAt,
    time: clock.now(),
  });
  connection.send('welcome', frame);
}

/** Each entry is judged, and answered, alone. */
function joinFromHello(connection: Client, entry: unknown): void {
  if (connection.state === 'closing') return;
  try {
    handleCommand(connection, { type: 'join', ...joinOf(entry, connection.services.limits) });
  } catch (thrown) {
    const error = asRoomlogError(thrown, 'bad_frame');
    connection.sendError(error, error.details.id as number | undefined);
  }
}
