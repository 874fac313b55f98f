"""Runs schemas/vectors/*.json against fold.py. Prints one `ok …` line a file; exits 1 at the first case that fails.

    python test/python/vectors.py
"""

import json
import pathlib
import sys

from fold import Fault, Fold, digest, murmur2, partition_of

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "schemas" / "vectors"


def load(name):
    return json.loads((VECTORS / name).read_text())


def fold_of(start):
    if start == "start":
        return Fold.from_start()
    if start == "claim":
        return Fold.at_claim()
    return Fold.at_anchor(start["epoch"], start["lastInbound"], start["logTime"])


def record_of(vector):
    """What a vector leaves out does not matter to the fold."""
    record = {"epoch": -1, "inbound": -1, "prevInbound": -1, "inboundTime": 0, **vector}
    if "claim" in vector:
        record["claim"] = {**vector["claim"], "nonce": bytes.fromhex(vector["claim"]["nonceHex"])}
    return record


def verdict_of(fold, vector):
    try:
        return fold.take(vector["offset"], record_of(vector))
    except Fault as fault:
        return f"fault:{fault.kind}"


def run_fold():
    cases = load("fold.json")["cases"]
    for case in cases:
        fold = fold_of(case["start"])
        for vector in case["records"]:
            verdict = verdict_of(fold, vector)
            assert verdict == vector["verdict"], f"{case['name']}: record {vector['offset']} is {verdict}, not {vector['verdict']}"
        state = {
            "epoch": fold.epoch,
            "lastInbound": fold.last_inbound,
            "logTime": fold.log_time,
            "streamId": fold.stream_id,
            "rooms": {room: list(head) for room, head in fold.rooms.items()},
        }
        assert state == case["state"], f"{case['name']}: {state}, not {case['state']}"
    return len(cases)


def run_partition():
    cases = load("partition.json")["cases"]
    for case in cases:
        key = bytes.fromhex(case["keyHex"])
        assert murmur2(key) == case["murmur2"], f"murmur2 of {case['keyHex']} is {murmur2(key)}"
        for partitions, partition in case["partitions"].items():
            assert partition_of(key, int(partitions)) == partition, f"{case['keyHex']} of {partitions}"
    return len(cases)


def run_digest():
    cases = load("digest.json")["cases"]
    for case in cases:
        found = digest(case["event"], bytes.fromhex(case["dataHex"]))
        assert found == case["digest"], f"digest of {case['event']}: {found}"
    return len(cases)


if __name__ == "__main__":
    try:
        for name, run in {"fold.json": run_fold, "partition.json": run_partition, "digest.json": run_digest}.items():
            cases = run()
            assert cases > 0, f"{name} has no cases"
            print(f"ok {name}: {cases} cases")
    except AssertionError as failed:
        sys.exit(f"not ok {failed}")
