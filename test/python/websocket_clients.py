"""Python's `websockets` against a gateway that compresses: no code of Roomlog's.

    ROOMLOG_TEST_TOKEN=… python test/python/websocket_clients.py STATE_DIR

Reads `stack.json`. A plain member, a compressed one and a compressed one that takes batches share a room; all of them get what is
published, and the compressed ones get it in frames that were compressed. Prints one `ok …` line a check; exits 1 at the first
that fails.
"""

import contextlib
import json
import os
import pathlib
import sys
import uuid

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.sync.client import connect

DEADLINE_S = 20
EVENTS = 5


class Member:
    """Joined; counts the compressed frames that it is sent."""

    def __init__(self, closing, url, token, room, compression, batch):
        self.socket = closing.enter_context(connect(url, subprotocols=["roomlog.v1.json"], compression=compression))
        self.compressed = 0
        for extension in self.socket.protocol.extensions:
            assert isinstance(extension, PerMessageDeflate), extension
            self._count(extension)
        self.send({"type": "hello", "token": token, "batch": batch})
        self.send({"type": "join", "id": 1, "room": room})
        self.events = []
        while self.next()["type"] != "live":
            pass

    def _count(self, extension):
        decode = extension.decode

        def counting(frame, **more):
            self.compressed += frame.rsv1
            return decode(frame, **more)

        extension.decode = counting

    def send(self, frame):
        self.socket.send(json.dumps(frame))

    def next(self):
        return json.loads(self.socket.recv(timeout=DEADLINE_S))

    def collect(self, count):
        while len(self.events) < count:
            frame = self.next()
            if frame["type"] == "event":
                self.events.append(frame)
            elif frame["type"] == "batch":
                self.events += frame["events"]
            else:
                assert frame["type"] == "ack", frame
        return [(event["seq"], event["data"]) for event in self.events]


def main(state_dir):
    with contextlib.ExitStack() as closing:
        check(state_dir, closing)


def check(state_dir, closing):
    stack = json.loads((pathlib.Path(state_dir) / "stack.json").read_text())
    url = stack["gateways"][0]["ws"]
    token = os.environ["ROOMLOG_TEST_TOKEN"]
    room = f"stock/{uuid.uuid4()}"
    plain = Member(closing, url, token, room, None, False)
    deflated = Member(closing, url, token, room, "deflate", False)
    batched = Member(closing, url, token, room, "deflate", True)
    assert plain.socket.protocol.extensions == []
    assert len(deflated.socket.protocol.extensions) == 1, "compression was not negotiated"
    print("ok websockets negotiates permessage-deflate as it always asks for it")

    sent = [{"number": number, "words": ["the same again"] * 200} for number in range(EVENTS)]
    for number, data in enumerate(sent):
        # The client compresses these itself.
        deflated.send({"type": "publish", "id": 10 + number, "room": room, "pub": number + 1, "event": "said", "data": data})
    expected = [(number + 1, data) for number, data in enumerate(sent)]
    for member in (plain, deflated, batched):
        assert member.collect(EVENTS) == expected, member.events
    print("ok plain and compressed members of one room get the same events, and compressed publishes are read")
    assert plain.compressed == 0
    assert deflated.compressed == EVENTS, f"{deflated.compressed} of {EVENTS} events came compressed"
    assert batched.compressed > 0
    print(f"ok {deflated.compressed} of {EVENTS} events came in compressed frames, inflated by another implementation")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: websocket_clients.py STATE_DIR (the folder that holds stack.json)")
    try:
        main(sys.argv[1])
    except AssertionError as failed:
        sys.exit(f"not ok {failed}")
