/** Socket.IO with the settings that its documentation advises for speed: WebSocket alone, no compression, no client files. */
import type { Server } from 'node:http';

/** `Io` is as much of its server as the caller uses: its types come with the package, which only benches need. */
export async function openSocketIo<Io>(server: Server): Promise<Io> {
  const name: string = 'socket.io';
  const { Server: SocketIo } = (await import(name)) as { Server: new (http: Server, options: object) => Io };
  return new SocketIo(server, {
    transports: ['websocket'],
    serveClient: false,
    perMessageDeflate: false,
    httpCompression: false,
  });
}
