"""Whether two deployments hold the same: `compare.py DATABASE...`, with the target's address in
MONGO_TARGET_URL; says the first difference, or nothing."""

import os
import sys

import pymongo
from bson.raw_bson import RawBSONDocument
from bson import decode, json_util

source, target = pymongo.MongoClient(os.environ["MONGO_URL"]), pymongo.MongoClient(os.environ["MONGO_TARGET_URL"])
RAW = pymongo.MongoClient(document_class=RawBSONDocument, connect=False).codec_options


def shown(what):
    return json_util.dumps(what)[:400]


def collections(client, database):
    found = {}
    for one in client[database].list_collections():
        if not one["name"].startswith("system."):
            found[one["name"]] = {"type": one["type"], "options": one["options"]}
    return found


def indexes(client, database, name):
    found = {}
    for index in client[database][name].list_indexes():
        index = {**index, "key": list(index["key"].items())}
        # Documents expire on the source only, until applications move: the time itself is put off.
        if "expireAfterSeconds" in index:
            index["expireAfterSeconds"] = True
        found[index["name"]] = index
    return found


def documents(client, database, name):
    raw = client[database].get_collection(name, codec_options=RAW)
    return sorted(bytes(document.raw) for document in raw.find())


def difference(database):
    left, right = (collections(client, database) for client in (source, target))
    if left != right:
        names = sorted(name for name in {**left, **right} if left.get(name) != right.get(name))
        return f"{database}.{names[0]}: source {shown(left.get(names[0]))}, target {shown(right.get(names[0]))}"
    for name, one in left.items():
        if one["type"] == "view":
            continue
        lists = [indexes(client, database, name) for client in (source, target)]
        if lists[0] != lists[1]:
            return f"the indexes of {database}.{name}: source {shown(lists[0])}, target {shown(lists[1])}"
        rows = [documents(client, database, name) for client in (source, target)]
        if rows[0] != rows[1]:
            only = [sorted(set(rows[at]) - set(rows[1 - at])) for at in (0, 1)]
            first = [f"{shown(decode(side[0]))} {side[0][:300].hex()}" if side else "nothing" for side in only]
            return (f"{database}.{name}: source {len(rows[0])} documents, target {len(rows[1])}; only in the source "
                    f"{len(only[0])}, as {first[0]}; only in the target {len(only[1])}, as {first[1]}")
    return None


for wanted in sys.argv[1:]:
    found = difference(wanted)
    if found:
        print(found)
        break
