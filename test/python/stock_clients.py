"""Stock Kafka clients against a running stack: librdkafka (confluent-kafka), fastavro, and the fold of fold.py; nothing else of Roomlog's.

    python test/python/stock_clients.py STATE_DIR

Reads `stack.json`, produces an inbound record as any Kafka producer would (partitioner murmur2_random, Avro by the registry's
schema), and waits until an outbound reader that folds (test/python/fold.py) sees it sequenced. Then reads all of both
topics and checks the chain. Prints one `ok …` line a check; exits 1 at the first that fails.
"""

import io
import json
import pathlib
import struct
import sys
import time
import urllib.request
import uuid

import fastavro
from confluent_kafka import Consumer, Producer, TopicPartition

from fold import ACCEPTED, Fault, Fold

DEADLINE_S = 30
CODECS = ("gzip", "snappy", "lz4", "zstd")
PACKED_RECORDS = 500


class Registry:
    """Schemas by id and by subject, through the Confluent REST API."""

    def __init__(self, url):
        self.url = url
        self.by_id = {}

    def _get(self, path):
        with urllib.request.urlopen(f"{self.url}{path}", timeout=5) as answer:
            return json.load(answer)

    def latest(self, subject):
        found = self._get(f"/subjects/{subject}/versions/latest")
        return found["id"], fastavro.parse_schema(json.loads(found["schema"]))

    def decode(self, value):
        magic, schema_id = struct.unpack(">bI", value[:5])
        assert magic == 0, f"not the Confluent wire format: magic byte {magic}"
        if schema_id not in self.by_id:
            self.by_id[schema_id] = fastavro.parse_schema(json.loads(self._get(f"/schemas/ids/{schema_id}")["schema"]))
        return fastavro.schemaless_reader(io.BytesIO(value[5:]), self.by_id[schema_id])


def encode(schema_id, schema, record):
    out = io.BytesIO()
    out.write(struct.pack(">bI", 0, schema_id))
    fastavro.schemaless_writer(out, schema, record)
    return out.getvalue()


def read_all(brokers, topic, partitions):
    """Every record of a topic up to its end as of now, by partition and offset."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": f"stock-{uuid.uuid4()}", "enable.auto.commit": False})
    records = {}
    try:
        for partition in range(partitions):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            records[partition] = []
            if low == high:
                continue
            consumer.assign([TopicPartition(topic, partition, low)])
            deadline = time.monotonic() + DEADLINE_S
            position = low
            while position < high:
                assert time.monotonic() < deadline, f"{topic}/{partition}: read {position} of {high} in {DEADLINE_S} s"
                message = consumer.poll(0.5)
                if message is None:
                    continue
                assert message.error() is None, message.error()
                records[partition].append(message)
                position = message.offset() + 1
    finally:
        consumer.close()
    return records


def fold(messages, registry):
    """The messages of a partition, read from its start, that count."""
    reading = Fold.from_start()
    for message in messages:
        record = registry.decode(message.value())
        try:
            if reading.take(message.offset(), record) == ACCEPTED:
                yield message, record
        except Fault as fault:
            raise AssertionError(f"partition {message.partition()}: {fault}") from fault


def main(state_dir):
    stack = json.loads((pathlib.Path(state_dir) / "stack.json").read_text())
    brokers = ",".join(stack["kafka"]["brokers"])
    topics, partitions = stack["topics"], stack["partitions"]
    registry = Registry(stack["registry"]["url"])

    marker = str(uuid.uuid4())
    room = f"stock/{marker}"
    schema_id, schema = registry.latest(f"{topics['inbound']}-value")
    delivered = []
    producer = Producer({"bootstrap.servers": brokers, "partitioner": "murmur2_random", "acks": "all"})
    producer.produce(
        topics["inbound"],
        key=room.encode(),
        value=encode(schema_id, schema, {"room": room, "user": "stock", "event": "greeting", "key": marker, "data": b'{"from":"librdkafka"}'}),
        on_delivery=lambda error, message: delivered.append((error, message.partition() if error is None else None)),
    )
    producer.flush(10)
    assert delivered and delivered[0][0] is None, f"not produced: {delivered}"
    print("ok a stock producer's record was appended")

    packed = {codec: f"stock/{codec}/{marker}" for codec in CODECS}
    for codec, packed_room in packed.items():
        packer = Producer(
            {"bootstrap.servers": brokers, "partitioner": "murmur2_random", "compression.type": codec, "linger.ms": 200}
        )
        for number in range(PACKED_RECORDS):
            data = json.dumps({"n": number, "pad": codec * 20}).encode()
            record = {"room": packed_room, "user": "stock", "event": "packed", "key": f"{marker}/{number}", "data": data}
            packer.produce(topics["inbound"], key=packed_room.encode(), value=encode(schema_id, schema, record))
        assert packer.flush(10) == 0, f"not produced with {codec}"
    waiting = set(packed)
    deadline = time.monotonic() + DEADLINE_S
    while waiting:
        assert time.monotonic() < deadline, f"not sequenced within {DEADLINE_S} s: batches packed with {waiting}"
        by_room = {}
        for partition in read_all(brokers, topics["outbound"], partitions).values():
            for _, record in fold(partition, registry):
                if record["event"] is not None:
                    by_room.setdefault(record["event"]["room"], []).append(json.loads(record["event"]["data"])["n"] if record["event"]["event"] == "packed" else None)
        waiting = {codec for codec in waiting if by_room.get(packed[codec]) != list(range(PACKED_RECORDS))}
    print(f"ok batches that librdkafka packs with {', '.join(CODECS)} are sequenced, whole and in order")

    found = None
    deadline = time.monotonic() + DEADLINE_S
    while found is None:
        assert time.monotonic() < deadline, f"no outbound record for {room} within {DEADLINE_S} s"
        messages = read_all(brokers, topics["outbound"], partitions)
        for partition in messages.values():
            for message, record in fold(partition, registry):
                if record["event"] is not None and record["event"]["room"] == room:
                    found = message, record["event"]
    message, event = found
    assert message.partition() == delivered[0][1], "inbound and outbound partition differ"
    assert message.key() == room.encode(), "the outbound key is not the room"
    assert (event["seq"], event["user"], event["data"]) == (1, "stock", b'{"from":"librdkafka"}'), event
    print("ok it was sequenced like any, into the same partition, as seq 1")

    heads = {}
    folded = 0
    for partition in messages.values():
        for _, record in fold(partition, registry):
            folded += 1
            event = record["event"]
            if event is not None:
                assert event["seq"] == heads.get(event["room"], 0) + 1, f"room {event['room']}: seq {event['seq']} after {heads.get(event['room'], 0)}"
                heads[event["room"]] = event["seq"]
    print(f"ok a stock reader folds {folded} outbound records of {len(heads)} rooms: every seq once, no hole")

    readable = poison = 0
    for partition in read_all(brokers, topics["inbound"], partitions).values():
        for message in partition:
            try:
                registry.decode(message.value())
                readable += 1
            except Exception:  # rubbish that other tests produced on purpose
                poison += 1
    assert readable > 0, "nothing readable in inbound"
    print(f"ok a stock reader decodes inbound: {readable} records ({poison} unreadable ones that tests put there)")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: stock_clients.py STATE_DIR (the folder that holds stack.json)")
    try:
        main(sys.argv[1])
    except AssertionError as failed:
        sys.exit(f"not ok {failed}")
