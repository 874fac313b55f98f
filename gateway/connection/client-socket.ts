/**
 * A WebSocket that knows its connection, so that all sockets share their listeners: functions of their own would be as large as half of
 * what a connection keeps beside its socket.
 */
import type { Buffer } from 'node:buffer';
import { type RawData, WebSocket } from 'ws';

/** Whose socket it is. */
export interface SocketOwner {
  onMessage(data: Buffer, isBinary: boolean): void;
  onPing(data: Buffer): void;
  onPong(): void;
  /** `ws` closes with the right code by itself. */
  onBroken(error: Error): void;
  onClosed(code: number): void;
}

export class ClientSocket extends WebSocket {
  owner: SocketOwner | null = null;
}

/** Calls the owner from now on. Once per socket. */
export function listenTo(socket: ClientSocket, owner: SocketOwner): void {
  socket.owner = owner;
  socket.on('message', onMessage);
  socket.on('ping', onPing);
  socket.on('pong', onPong);
  socket.on('error', onBroken);
  socket.on('close', onClosed);
}

// `ws` says what a listener's `this` is; its types know only WebSocket.
const ownerOf = (socket: WebSocket): SocketOwner | null => (socket as ClientSocket).owner;

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  ownerOf(this)?.onMessage(data as Buffer, isBinary);
}

function onPing(this: WebSocket, data: Buffer): void {
  ownerOf(this)?.onPing(data);
}

function onPong(this: WebSocket): void {
  ownerOf(this)?.onPong();
}

function onBroken(this: WebSocket, error: Error): void {
  ownerOf(this)?.onBroken(error);
}

function onClosed(this: WebSocket, code: number): void {
  ownerOf(this)?.onClosed(code);
}
