"""The fold of an outbound partition, for whoever reads it without Roomlog's own code. Python 3.9 or later, standard library only.

This is the reference for other languages: docs/guarantees.md says why each rule is there, schemas/vectors/*.json are what any
implementation must answer, and test/python/vectors.py runs them against this file.

    fold = Fold.from_start()                      # the partition is read from offset 0
    for offset, record in records:                # decoded by the schema OutboundEvent, in the order of offsets
        if fold.take(offset, record) == ACCEPTED:
            event = record["event"]               # None for an answer, a skip, or a kind that this version does not know
            if event is not None:
                handle(event["room"], event["seq"], event["data"])

An event that is ACCEPTED counts; nothing else does. A reader that handled an event twice or not at all shows in its room's seq,
which is 1, 2, 3, and so on without a hole.
"""

import hashlib

CLAIM = "claim"
ACCEPTED = "accepted"
STALE = "stale"
REPEAT = "repeat"


class Fault(Exception):
    """The log, or this reader's way through it, is broken here: stop, and tell an operator. Nothing of the record was taken in."""

    def __init__(self, kind, message):
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class Fold:
    """Which records count, and what they amount to: each room's newest seq and its offset."""

    def __init__(self, complete, settled):
        self.epoch = -1  # offset of the newest claim
        self.last_inbound = -1  # the inbound record answered last
        self.log_time = 0  # highest inbound timestamp folded, ms
        self.stream_id = None
        self.partitions = None
        self.rooms = {}  # room: (seq, offset)
        self._complete = complete  # read from the partition's first record
        self._settled = settled  # whether last_inbound is known
        self._answered_at_claim = None  # last_inbound when the newest claim was read; None where that is not known

    @classmethod
    def from_start(cls):
        """A reader of the whole partition."""
        return cls(complete=True, settled=True)

    @classmethod
    def at_claim(cls):
        """A reader whose first record is a claim: the first record of that epoch is accepted whatever it follows."""
        return cls(complete=False, settled=False)

    @classmethod
    def at_anchor(cls, epoch, last_inbound, log_time):
        """A reader that goes on where its own earlier fold stood."""
        fold = cls(complete=False, settled=True)
        fold.epoch, fold.last_inbound, fold.log_time = epoch, last_inbound, log_time
        return fold

    def take(self, offset, record):
        """Takes in the next record; returns CLAIM, ACCEPTED, STALE or REPEAT. Raises Fault."""
        if record.get("claim") is not None:
            return self._take_claim(offset, record["claim"])
        verdict = self._verdict(offset, record)
        if verdict != ACCEPTED:
            return verdict
        event = record.get("event")
        if event is not None:
            head = self.rooms.get(event["room"], (0, -1))[0]
            # A reader that started in the middle believes the first event of a room that it sees.
            if event["seq"] != head + 1 and (head != 0 or self._complete):
                raise Fault("seq_conflict", f"{event['room']} has {event['seq']} after {head}, at {offset}")
            self.rooms[event["room"]] = (event["seq"], offset)
        self.last_inbound = record["inbound"]
        self.log_time = max(self.log_time, record["inboundTime"])
        self._settled = True
        return ACCEPTED

    def _verdict(self, offset, record):
        epoch, inbound, follows = record["epoch"], record["inbound"], record["prevInbound"]
        is_skip = record.get("skipped") is not None
        if epoch < self.epoch or (epoch == -1 and self.epoch == -1):
            return STALE
        if epoch > self.epoch:
            raise Fault("epoch_ahead", f"record {offset} is of epoch {epoch}, the newest claim is {self.epoch}")
        if self._settled:
            at_claim = self._answered_at_claim
            if is_skip and inbound == self.last_inbound != follows and at_claim in (None, follows):
                return REPEAT
            if at_claim is not None and follows < at_claim:
                raise Fault("chain_gap", f"record {offset} follows {follows}, {at_claim} was answered before its epoch")
            if follows < self.last_inbound:
                return REPEAT
            if follows > self.last_inbound:
                raise Fault("chain_gap", f"record {offset} follows {follows}, {self.last_inbound} was folded last")
        if inbound <= follows and not is_skip:
            raise Fault("chain_gap", f"record {offset} answers {inbound} after {follows}")
        return ACCEPTED

    def _take_claim(self, offset, claim):
        if offset <= self.epoch:
            raise Fault("epoch_ahead", f"a claim at {offset}, the newest one read is {self.epoch}")
        stream_id = claim["streamId"]
        if self.stream_id is not None and stream_id not in ("", self.stream_id):
            raise Fault("stream_conflict", f"the claim at {offset} is of stream {stream_id}, not {self.stream_id}")
        if self.partitions is not None and claim["partitions"] != self.partitions:
            raise Fault("stream_conflict", f"the claim at {offset} counts {claim['partitions']} partitions, not {self.partitions}")
        if self.stream_id is None:
            if stream_id != "":
                self.stream_id = stream_id
            elif self._complete and self.epoch == -1:
                # The first claim of partition 0 has no id yet: its nonce is the id.
                self.stream_id = claim["nonce"].hex()
        self.partitions = claim["partitions"]
        self.epoch = offset
        self._answered_at_claim = self.last_inbound if self._settled else None
        return CLAIM


def murmur2(key):
    """Java's murmur2 of the key's bytes, as a signed 32-bit number."""
    mask = 0xFFFFFFFF
    h = 0x9747B28C ^ len(key)
    whole = len(key) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at : at + 4], "little") * 0x5BD1E995 & mask
        k = (k ^ k >> 24) * 0x5BD1E995 & mask
        h = h * 0x5BD1E995 & mask ^ k
    rest = key[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * 0x5BD1E995 & mask
    h = (h ^ h >> 13) * 0x5BD1E995 & mask
    h ^= h >> 15
    return h - (1 << 32) if h >= 1 << 31 else h


def partition_of(key, partitions):
    """The partition of a record's key: the room's UTF-8 bytes."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def digest(event, data):
    """What tells a repeated publish from another one under the same number."""
    name = event.encode()
    return hashlib.sha256(len(name).to_bytes(4, "big") + name + data).hexdigest()[:16]
