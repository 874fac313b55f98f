"""Python's `websockets` and `fastavro` against a gateway, by schemas/client-frame.avsc and schemas/server-frame.avsc: no code of Roomlog's.

    ROOMLOG_TEST_TOKEN=… python test/python/avro_clients.py STATE_DIR

Reads `stack.json`; the stack's gateways have the event `ordered` bound to the subject `stock-orders`. An Avro member, an Avro
member that takes batches and a JSON member share a room; each publishes. Prints one `ok …` line a check; exits 1 at the
first that fails.
"""

import contextlib
import io
import json
import os
import pathlib
import struct
import sys
import urllib.request
import uuid

import fastavro
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

DEADLINE_S = 20
SCHEMAS = pathlib.Path(__file__).parents[2] / "schemas"
CONTENT_TYPE = "application/vnd.confluent.avro"
ORDER = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "sku", "type": "string"}, {"name": "amount", "type": "long"}, {"name": "note", "type": ["null", "string"], "default": None}],
}

client_frame = fastavro.parse_schema(json.loads((SCHEMAS / "client-frame.avsc").read_text()))
server_frame = fastavro.parse_schema(json.loads((SCHEMAS / "server-frame.avsc").read_text()))
order = fastavro.parse_schema(ORDER)


class AvroMember:
    def __init__(self, closing, url, token, room, batch=False):
        self.socket = closing.enter_context(connect(url, subprotocols=["roomlog.v1.avro"]))
        assert self.socket.subprotocol == "roomlog.v1.avro", self.socket.subprotocol
        self.events, self.answers, self.ids = [], {}, 0
        self.send("Hello", token=token, batch=batch)
        assert self.next()[0] == "Welcome"
        self.send("Join", id=1, room=room)
        while self.next()[0] != "Live":
            pass

    def send(self, name, **fields):
        out = io.BytesIO()
        fastavro.schemaless_writer(out, client_frame, (f"io.roomlog.v1.client.{name}", fields))
        self.socket.send(out.getvalue())

    def next(self):
        message = self.socket.recv(timeout=DEADLINE_S)
        assert isinstance(message, bytes), message
        stream = io.BytesIO(message)
        name, fields = fastavro.schemaless_reader(stream, server_frame, return_record_name=True)
        assert stream.read() == b"", "bytes follow a frame"
        name = name.rsplit(".", 1)[1]
        if name == "Event":
            self.events.append(fields)
        elif name == "Batch":
            self.events += fields["events"]
        elif fields.get("id") is not None:
            self.answers[fields["id"]] = (name, fields)
        return name, fields

    def publish(self, **fields):
        self.ids += 1
        frame_id = 100 + self.ids
        self.send("Publish", id=frame_id, **fields)
        while frame_id not in self.answers:
            self.next()
        return self.answers[frame_id]

    def collect(self, count):
        while len(self.events) < count:
            self.next()
        return self.events


class JsonMember:
    def __init__(self, closing, url, token, room):
        self.socket = closing.enter_context(connect(url, subprotocols=["roomlog.v1.json"]))
        self.events = []
        self.send(type="hello", token=token)
        self.send(type="join", id=1, room=room)
        while self.next()["type"] != "live":
            pass

    def send(self, **frame):
        self.socket.send(json.dumps(frame))

    def next(self):
        frame = json.loads(self.socket.recv(timeout=DEADLINE_S))
        if frame["type"] == "event":
            self.events.append(frame)
        return frame

    def answer(self, **frame):
        self.send(id=7, **frame)
        while True:
            answer = self.next()
            if answer.get("id") == 7:
                return answer

    def collect(self, count):
        while len(self.events) < count:
            self.next()
        return self.events


def register(registry):
    body = json.dumps({"schema": json.dumps(ORDER), "schemaType": "AVRO"}).encode()
    request = urllib.request.Request(f"{registry}/subjects/stock-orders/versions", body, {"content-type": "application/vnd.schemaregistry.v1+json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["id"]


def encode_order(schema_id, value):
    out = io.BytesIO()
    out.write(struct.pack(">bI", 0, schema_id))
    fastavro.schemaless_writer(out, order, value)
    return out.getvalue()


def main(state_dir):
    with contextlib.ExitStack() as closing:
        check(state_dir, closing)


def check(state_dir, closing):
    stack = json.loads((pathlib.Path(state_dir) / "stack.json").read_text())
    url = stack["gateways"][0]["ws"]
    token = os.environ["ROOMLOG_TEST_TOKEN"]
    room = f"stock/{uuid.uuid4()}"
    avro = AvroMember(closing, url, token, room)
    batched = AvroMember(closing, url, token, room, batch=True)
    plain = JsonMember(closing, url, token, room)

    data = b'{"from": "fastavro", "n": 12345678901234567890}'
    opaque = bytes(range(256))
    name, ack = avro.publish(room=room, pub=1, event="said", data=data)
    assert (name, ack["seq"], ack["duplicate"]) == ("Ack", 1, False), (name, ack)
    assert avro.publish(room=room, pub=1, event="said", data=data)[1]["duplicate"] is True
    assert avro.publish(room=room, pub=2, event="drawn", contentType="image/png", data=opaque)[1]["seq"] == 2
    assert plain.answer(type="publish", room=room, pub=1, event="said", data={"from": "json"})["seq"] == 3
    for member in (avro, batched):
        seen = [(event["seq"], event["event"], event["contentType"], event["data"]) for event in member.collect(3)]
        assert seen == [(1, "said", None, data), (2, "drawn", "image/png", opaque), (3, "said", None, b'{"from": "json"}')], seen
    seen = [(event["seq"], event["data"]) for event in plain.collect(3)]
    assert seen[0] == (1, json.loads(data)) and seen[2] == (3, {"from": "json"}), seen
    print("ok fastavro reads and writes every frame by the schema files, and shares a room with JSON")

    name, error = avro.publish(room=room, pub=3, event="said", data=b'1},{"type":"event"')
    assert (name, error["code"], error["path"]) == ("Error", "bad_frame", "data"), error
    print("ok bytes that are not one JSON value are refused")

    schema_id = register(stack["registry"]["url"])
    wanted = {"sku": "a-1", "amount": 9007199254740993, "note": None}
    while True:
        # The gateway learns of the subject when it is first used.
        answer = plain.answer(type="publish", room=room, pub=2, event="ordered", data=wanted)
        if answer["type"] == "ack":
            break
        assert answer["code"] == "unavailable", answer
    name, ack = avro.publish(room=room, pub=3, event="ordered", contentType=CONTENT_TYPE, data=encode_order(schema_id, wanted))
    assert name == "Ack", ack
    for event in avro.collect(5)[3:]:
        assert event["contentType"] == CONTENT_TYPE and event["data"] == encode_order(schema_id, wanted), event
    for event in plain.collect(5)[3:]:
        assert event["data"] == wanted and "contentType" not in event, event
    print("ok a bound event is Avro for Avro members, as fastavro writes it, and JSON for JSON members, with all digits")

    answer = plain.answer(type="publish", room=room, pub=3, event="ordered", data={"sku": 1, "amount": 1})
    assert (answer["type"], answer["code"], answer["path"]) == ("error", "schema_rejected", "data.sku"), answer
    print("ok what does not fit the schema is refused with the field's path")

    avro.socket.send("text")
    try:
        while True:
            avro.next()
    except ConnectionClosed as closed:
        assert closed.rcvd.code == 1003, closed
    print("ok a text frame closes an Avro connection with 1003")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: avro_clients.py STATE_DIR (the folder that holds stack.json)")
    try:
        main(sys.argv[1])
    except AssertionError as failed:
        sys.exit(f"not ok {failed}")
