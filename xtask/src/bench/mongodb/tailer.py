"""A plain tailer of the change stream, as one would write it by hand: `tailer.py TARGET DATABASE COLLECTION TOKEN LAST`.

It starts behind TOKEN and writes in batches with bulk_write, each with its position, until it has the document LAST; with
LAST "-" it goes on until it is ended."""

import os
import sys
import time

import pymongo
from bson import json_util
from pymongo import DeleteOne, ReplaceOne

BATCH = 1000
source, target = pymongo.MongoClient(os.environ["MONGO_URL"]), pymongo.MongoClient(sys.argv[1])
database, name, token, last = sys.argv[2], sys.argv[3], json_util.loads(sys.argv[4]), sys.argv[5]
into, position = target[database][name], target.tailer.position


def operation(event):
    if event["operationType"] == "delete" or event.get("fullDocument") is None:
        return DeleteOne(event["documentKey"])
    return ReplaceOne(event["documentKey"], event["fullDocument"], upsert=True)


def write(events):
    into.bulk_write([operation(event) for event in events])
    position.replace_one({"_id": 1}, {"token": events[-1]["_id"]}, upsert=True)


def main():
    with source[database][name].watch(
        full_document="updateLookup", resume_after=token, batch_size=BATCH, max_await_time_ms=100
    ) as stream:
        print("streaming", flush=True)
        batch, done, started = [], False, time.monotonic()
        while not done:
            event = stream.try_next()
            if event is not None:
                batch.append(event)
                done = event["documentKey"]["_id"] == last
            # What there is goes at once when nothing more waits.
            if batch and (event is None or done or len(batch) == BATCH or time.monotonic() - started > 0.005):
                write(batch)
                batch = []
            if not batch:
                started = time.monotonic()


main()
