"""What the benches write, and ask: `traffic.py fill N`, `insert N`, `mixed N`, `token`, `sum DATABASE COLLECTION`,
`lag TARGET RATE SECONDS`."""

import hashlib
import json
import os
import random
import sys
import threading
import time

import bson
import pymongo
from bson import json_util
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS as RAW

client = pymongo.MongoClient(os.environ["MONGO_URL"])
rows = client.bench.rows
BATCH = 1000
LAST = "last"


def row(at):
    return {"_id": at, "k": at * 7919 % 100_003, "c": hashlib.sha512(b"%d" % at).hexdigest()[:119], "pad": "x" * 59,
            "deep": {"a": at % 7, "list": [at % 5, at % 3]}}


def insert(first, count):
    for start in range(first, first + count, BATCH):
        rows.insert_many([row(at) for at in range(start, min(start + BATCH, first + count))], ordered=False)


def fill(count):
    insert(0, count)
    rows.create_index("k")


def mixed(count):
    """As many changes: four tenths updates by operators, two of arrays, three inserts, one deletes."""
    chance, there = random.Random(5), rows.estimated_document_count()
    work = []
    for at in range(count):
        kind, one = at % 10, {"_id": chance.randrange(there)}
        if kind < 4:
            work.append(pymongo.UpdateOne(one, {"$inc": {"k": 1}, "$set": {"c": f"{at}" * 9}}, upsert=True))
        elif kind < 6:
            work.append(pymongo.UpdateOne(one, {"$push": {"deep.list": at}}, upsert=True))
        elif kind < 9:
            work.append(pymongo.InsertOne(row(there + at)))
        else:
            work.append(pymongo.DeleteOne(one))
        if len(work) == BATCH:
            rows.bulk_write(work)
            work = []
    if work:
        rows.bulk_write(work)


def token():
    with client.bench.rows.watch() as stream:
        stream.try_next()
        print(json_util.dumps(stream.resume_token))


def total(database, name):
    """The same on two sides only if the documents are."""
    whole, count = 0, 0
    for document in client[database].get_collection(name).find_raw_batches({}, batch_size=5000):
        for one in bson.decode_all(document, codec_options=RAW):
            whole ^= int.from_bytes(hashlib.blake2b(one.raw, digest_size=8).digest(), "big")
            count += 1
    print(count, whole)


def lag(target, rate, seconds):
    """Writes at a steady rate here, and looks there when each is to be seen."""
    there = pymongo.MongoClient(target)
    written, seen, ended = {}, {}, threading.Event()

    def look():
        newest = -1
        marks = there.bench.get_collection("marks")
        while not (ended.is_set() and newest == count - 1):
            for mark in marks.find({"_id": {"$gt": newest}}, {"_id": 1}).sort("_id", 1):
                now = time.monotonic()
                newest = mark["_id"]
                seen[newest] = now
            if ended.is_set() and time.monotonic() - finished[0] > 30:
                break
            time.sleep(0.0005)

    count, finished = rate * seconds, [0.0]
    client.bench.marks.delete_many({})
    while there.bench.marks.find_one({}) is not None:
        time.sleep(0.01)
    looker = threading.Thread(target=look)
    looker.start()
    started = time.monotonic()
    for at in range(count):
        rest = started + at / rate - time.monotonic()
        if rest > 0:
            time.sleep(rest)
        client.bench.marks.insert_one({"_id": at, "body": "x" * 100})
        written[at] = time.monotonic()
    finished[0] = time.monotonic()
    ended.set()
    looker.join()
    times = sorted(max(seen[at] - written[at], 0) * 1000 for at in seen)
    if len(times) < count * 0.99:
        sys.exit(f"only {len(times)} of {count} came to be seen")
    print(json.dumps({"p50_ms": times[len(times) // 2], "p99_ms": times[len(times) * 99 // 100],
                      "transactions": count, "seconds": finished[0] - started}))


action, rest = sys.argv[1], sys.argv[2:]
if action == "fill":
    fill(int(rest[0]))
elif action == "insert":
    insert(rows.estimated_document_count(), int(rest[0]))
    rows.insert_one({"_id": LAST})
elif action == "mixed":
    mixed(int(rest[0]))
    rows.insert_one({"_id": LAST})
elif action == "token":
    token()
elif action == "sum":
    total(*rest)
else:
    lag(rest[0], int(rest[1]), int(rest[2]))
