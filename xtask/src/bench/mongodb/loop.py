"""The copier that most would write first: `loop.py TARGET DATABASE COLLECTION`. One loop, and the indexes after it."""

import os
import sys

import pymongo

BATCH = 2000
source, target = pymongo.MongoClient(os.environ["MONGO_URL"]), pymongo.MongoClient(sys.argv[1])
there, into = source[sys.argv[2]][sys.argv[3]], target[sys.argv[2]][sys.argv[3]]

batch = []
for document in there.find(batch_size=BATCH):
    batch.append(document)
    if len(batch) == BATCH:
        into.insert_many(batch, ordered=False)
        batch = []
if batch:
    into.insert_many(batch, ordered=False)
for name, index in there.index_information().items():
    if name != "_id_":
        into.create_index(index.pop("key"), name=name, unique=index.get("unique", False))
