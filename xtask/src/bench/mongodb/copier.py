"""A plain copier, as one would write it by hand: `copier.py TARGET DATABASE COLLECTION THREADS`.

Threads share the ranges of _id among them; each reads one range and inserts it in batches."""

import os
import sys
import threading

import pymongo
from bson.raw_bson import RawBSONDocument

BATCH, RANGES = 2000, 16
# Documents go through as they are, which is the best that Python can do.
source, target = (
    pymongo.MongoClient(url, document_class=RawBSONDocument) for url in (os.environ["MONGO_URL"], sys.argv[1])
)
database, name, threads = sys.argv[2], sys.argv[3], int(sys.argv[4])
there = pymongo.MongoClient(os.environ["MONGO_URL"])[database][name]
into = target[database][name]

cuts = [bucket["_id"]["min"] for bucket in there.aggregate([{"$bucketAuto": {"groupBy": "$_id", "buckets": RANGES}}])][1:]
ranges = list(zip([None, *cuts], [*cuts, None]))
lock = threading.Lock()
failed = []


def copy():
    try:
        while True:
            with lock:
                if not ranges:
                    return
                low, high = ranges.pop()
            limits = {**({"$gte": low} if low is not None else {}), **({"$lt": high} if high is not None else {})}
            batch = []
            for document in source[database][name].find({"_id": limits}, batch_size=BATCH):
                batch.append(document)
                if len(batch) == BATCH:
                    into.insert_many(batch, ordered=False)
                    batch = []
            if batch:
                into.insert_many(batch, ordered=False)
    except Exception as error:
        failed.append(error)


workers = [threading.Thread(target=copy) for _ in range(threads)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
if failed:
    raise failed[0]
for key, index in there.index_information().items():
    if key != "_id_":
        target[database][name].create_index(index.pop("key"), name=key, unique=index.get("unique", False))
