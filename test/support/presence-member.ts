/** A process that joins one room in Redis presence with the default settings, says so, and stays. To be killed. */
import { createRedisStores } from '../../adapters/redis/stores.ts';
import { loadConfig } from '../../core/config/load.ts';
import { connectionId, roomId, userId } from '../../core/ids.ts';
import { silentLog } from '../../core/ports/logger.ts';

const [url = '', room = '', user = ''] = process.argv.slice(2);
const { presence } = createRedisStores(loadConfig({ flags: { 'redis-url': url, 'gateway-name': user } }), silentLog);
await presence.start();
await presence.join(roomId(room), {
  user: userId(user),
  connection: connectionId(`c-${user}`),
  since: Date.now(),
  meta: null,
});
process.stdout.write('joined\n');
