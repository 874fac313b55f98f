"""Clients that join a room and then take nothing more, as many as asked for, in one process. Standard library only.

The kernel would take some megabytes for each on loopback before the server noticed. So each socket asks for a small receive buffer, and for small
segments, which keep the server's send buffer small: what a stalled phone on a real network comes to as well.

usage: stalled.py PORT TOKEN ROOMS PER_ROOM RECEIVE_BYTES MAX_SEGMENT; says `ready` when all are live, ends when stdin does.
"""

import base64
import json
import os
import socket
import struct
import sys

PORT, ROOMS, PER_ROOM, RECEIVE_BYTES, MAX_SEGMENT = (int(sys.argv[at]) for at in (1, 3, 4, 5, 6))
TOKEN = sys.argv[2]
ROOM_NAME = "bench/fan-out/%d"
CONNECT_TIMEOUT_S = 30


def frame(text):
    """One masked text frame (RFC 6455, section 5.2); the mask is zero."""
    payload = text.encode()
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else struct.pack("!BH", 0xFE, len(payload))
    return b"\x81" + length + b"\0\0\0\0" + payload


def stall(number):
    """A socket whose member is live, and which is read no further."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, MAX_SEGMENT)
    one.settimeout(CONNECT_TIMEOUT_S)
    one.connect(("127.0.0.1", PORT))
    key = base64.b64encode(os.urandom(16)).decode()
    head = ["GET /v1/ws HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade"]
    head += ["Sec-WebSocket-Key: " + key, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: roomlog.v1.json"]
    one.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
    one.sendall(frame(json.dumps({"type": "hello", "token": TOKEN})))
    one.sendall(frame(json.dumps({"type": "join", "id": 1, "room": ROOM_NAME % (number % ROOMS)})))
    got = b""
    while b'"type":"live"' not in got:
        more = one.recv(4096)
        if more == b"":
            raise SystemExit("closed before it was live: %r" % got[-300:])
        got += more
    return one


sockets = [stall(number) for number in range(ROOMS * PER_ROOM)]
print("ready", flush=True)
sys.stdin.read()
