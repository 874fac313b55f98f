/** Appends under way: a character each, sorted; one that is under way twice stands twice. As text they compare quickly. */
import type { PacketId } from './writer.ts';

export function withPacket(network: string, packet: PacketId): string {
  let at = 0;
  while (at < network.length && network.charCodeAt(at) < packet) at++;
  return network.slice(0, at) + String.fromCharCode(packet) + network.slice(at);
}

export function withoutPacket(network: string, packet: PacketId): string {
  const at = network.indexOf(String.fromCharCode(packet));
  return network.slice(0, at) + network.slice(at + 1);
}
