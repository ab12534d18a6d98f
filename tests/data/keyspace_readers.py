"""Programs that know nothing but the keys: what they ask of Redis, and what they make of it, as JSON.

    keyspace_readers.py PORT tenants NAME...       frames, megabytes and cameras of each tenant
    keyspace_readers.py PORT minutes CAMERA SPAN   frames of the last SPAN minutes, by minute, any tenant
    keyspace_readers.py PORT hour PATTERN          frames of the last hour with their bytes, by second
    keyspace_readers.py PORT setex KEY SECONDS     stores stdin as a frame

Each walks the keyspace with SCAN MATCH and takes every key that it gets for a frame.
"""

import collections
import datetime
import hashlib
import json
import sys
import time

import redis


def nanos_of(key):
    return int(key.split(":")[3])


def tenants(port, *names):
    # Pictures are no UTF-8: latin-1 gives a character for every byte.
    store = redis.Redis(port=port, decode_responses=True, encoding="latin-1")
    totals = {}
    for name in names:
        keys = list(store.scan_iter(match=f"{name}:frames:*"))
        if not keys:
            totals[name] = {"frames": 0, "memory_mb": 0, "cameras": 0}
            continue
        one = len(store.get(keys[0]) or "")
        cameras = {key.split(":")[2] for key in keys}
        totals[name] = {
            "frames": len(keys),
            "memory_mb": round(len(keys) * one / 2**20, 2),
            "cameras": len(cameras),
            "camera_ids": sorted(cameras),
        }
    return totals


def minutes(port, camera, span):
    store = redis.Redis(port=port)
    begin = int(time.time()) - int(span) * 60
    by_minute = collections.defaultdict(list)
    for raw in store.scan_iter(match=f"*:frames:{camera}:*"):
        key = raw.decode()
        second = nanos_of(key) // 10**9
        if second < begin:
            continue
        minute = datetime.datetime.fromtimestamp(second - second % 60).strftime("%Y-%m-%d %H:%M")
        by_minute[minute].append({"key": key, "timestamp": second, "size": store.strlen(raw)})
    return {minute: sorted(frames, key=lambda one: one["key"]) for minute, frames in by_minute.items()}


def hour(port, pattern):
    store = redis.Redis(port=port)
    begin = int(time.time()) - 3600
    frames = []
    for raw in store.scan_iter(match=pattern):
        key = raw.decode()
        second = nanos_of(key) // 10**9
        if second >= begin:
            digest = hashlib.sha256(store.get(raw)).hexdigest()
            frames.append({"key": key, "timestamp": second, "sha256": digest})
    return sorted(frames, key=lambda one: one["timestamp"])


def setex(port, key, seconds):
    store = redis.Redis(port=port, decode_responses=False)
    return store.setex(key, int(seconds), sys.stdin.buffer.read())


port, reader, *arguments = sys.argv[1:]
readers = {"tenants": tenants, "minutes": minutes, "hour": hour, "setex": setex}
print(json.dumps(readers[reader](int(port), *arguments)))
