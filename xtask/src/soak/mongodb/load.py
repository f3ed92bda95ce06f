"""One stream of random load: `load.py SEED STREAM DATABASE SCHEMA_PERCENT CHANGES_WHILE_COPYING`.

It runs until its input ends. A line there says that the copy is done. At the end it prints what it did."""

import json
import os
import random
import sys
import threading
import time
import uuid

import pymongo
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

SEED, STREAM = int(sys.argv[1]), int(sys.argv[2])
NAME, SCHEMA_PERCENT, WHILE_COPYING = sys.argv[3], int(sys.argv[4]), sys.argv[5] == "true"
COUNTERS, SLOTS, TABLES = 4, 40, 5
PAUSE_SECONDS = 0.01 if SCHEMA_PERCENT == 0 else 0.04
# While the copy runs, definitions change so much less often.
SELDOM = 25

chance = random.Random(SEED * 1000 + STREAM)
client = pymongo.MongoClient(os.environ["MONGO_URL"], w="majority", serverSelectionTimeoutMS=20000)
db = client[NAME]
side = client[NAME + "_side"]
ended, copied = threading.Event(), threading.Event()


def listen():
    for _ in sys.stdin:
        copied.set()
    ended.set()


def word():
    return "".join(chance.choice("abcdeé水🐟 ") for _ in range(chance.randrange(12)))


def object_id():
    return ObjectId(bytes(chance.randrange(256) for _ in range(12)))


def number():
    value = chance.randrange(-50, 50)
    return chance.choice([value, Int64(value), float(value), value / 7, Decimal128(str(value)), -0.0, float("inf")])


def key():
    """A value of every type that an _id may have, from a range so small that many are met again."""
    value = chance.randrange(60)
    return chance.choice([
        lambda: value, lambda: Int64(value), lambda: float(value) + 0.5, lambda: Decimal128(f"{value}.25"),
        lambda: f"k{value}é", lambda: ObjectId(f"{value:024x}"), lambda: Binary(bytes([value]) * 3),
        lambda: Binary(uuid.UUID(int=value).bytes, 4), lambda: Binary(bytes([value]), 128), lambda: value % 2 == 0,
        lambda: None, lambda: DatetimeMS(value * 86_400_000 - 10 ** 12), lambda: Timestamp(value + 1, 1),
        lambda: {"a": value % 9, "b": {"c": word()[:1]}}, lambda: {"b": 1, "a": value % 9}, lambda: MinKey(),
        lambda: MaxKey(), lambda: Code(f"x{value % 5}"), lambda: float("nan"), lambda: "",
    ])()


def value(depth=0):
    kinds = [
        number, word, object_id, lambda: None, lambda: True, lambda: DatetimeMS(chance.randrange(2 * 10 ** 12)),
        lambda: Binary(word().encode()), lambda: Regex("^a.*" + str(chance.randrange(9)), "i"),
        lambda: Timestamp(chance.randrange(1, 9), 2), lambda: Code("f()", {"x": 1}), lambda: MinKey(),
    ]
    if depth < 3:
        kinds += [lambda: {word() or "e": value(depth + 1) for _ in range(chance.randrange(4))}] * 2
        kinds += [lambda: [value(depth + 1) for _ in range(chance.randrange(6))]] * 2
    return chance.choice(kinds)()


def document():
    body = {"n": number(), "list": [chance.randrange(9) for _ in range(chance.randrange(20))],
            "deep": {"x": {"y": value(), "z": [value(2), {"w": 1}]}}}
    for name in "abc":
        if chance.random() < 0.5:
            body[name] = value()
    if chance.random() < 0.05:
        body["big"] = "x" * chance.randrange(200_000)
    items = list(body.items())
    chance.shuffle(items)
    return dict(items)


def update():
    """An update of one document of the collection `items`."""
    few = [chance.randrange(9) for _ in range(chance.randrange(1, 4))]
    return chance.choice([
        lambda: {"$set": {chance.choice(["a", "b", "new", "deep.x.y", "deep.x.q.r", "list.2", "list.30"]): value()}},
        lambda: {"$unset": {chance.choice(["a", "b", "deep.x.y", "deep.x", "list.1"]): 1}},
        lambda: {"$inc": {"n": chance.choice([1, Int64(2), 0.5])}, "$set": {"deep.x.z.1.w": value(2)}},
        lambda: {"$mul": {"n": 2}},
        lambda: {"$rename": {chance.choice("abc"): chance.choice(["renamed", "deep.moved"])}},
        lambda: {"$push": {"list": {"$each": few}}},
        lambda: {"$push": {"list": {"$each": few, "$position": chance.randrange(4)}}},
        lambda: {"$push": {"list": {"$each": few, "$sort": 1, "$slice": chance.choice([5, -5])}}},
        lambda: {"$pull": {"list": chance.randrange(9)}},
        lambda: {"$pullAll": {"list": few}},
        lambda: {"$pop": {"list": chance.choice([1, -1])}},
        lambda: {"$addToSet": {"list": {"$each": few}}},
        lambda: {"$set": {"list.$[one]": 99}},
        lambda: {"$bit": {"flags": {"xor": chance.randrange(8)}}},
        lambda: {"$currentDate": {"seen": {"$type": chance.choice(["timestamp", "date"])}}},
        lambda: [{"$set": {"sum": {"$sum": "$list"}, "deep.x.y": {"$literal": value()}}}, {"$unset": "b"}],
        lambda: [{"$set": {"list": {"$reverseArray": {"$ifNull": ["$list", []]}}}}],
        lambda: [{"$set": {"list": {"$slice": [{"$ifNull": ["$list", []]}, 1, 50]}}}],
        lambda: [{"$replaceWith": {"_id": "$_id", "z": "$n", "n": "$n", "list": "$list", "a": "$deep"}}],
        lambda: [{"$replaceWith": {"$setField": {
            "field": {"$literal": chance.choice(["$odd", "dot.ted", "$set"])}, "input": "$$ROOT", "value": {"$literal": value()}}}}],
    ])()


def change_item(session=None):
    items, wanted = db.items, {"_id": key()}
    kind = chance.randrange(10)
    if kind < 3:
        items.insert_one({**wanted, **document()}, session=session)
    elif kind < 8:
        change = update()
        filters = [{"one": {"$gt": 5}}] if "$[one]" in str(change) else None
        items.update_one(wanted, change, upsert=filters is None and chance.random() < 0.1, array_filters=filters, session=session)
    elif kind == 8:
        items.replace_one(wanted, document(), upsert=chance.random() < 0.5, session=session)
    else:
        items.delete_one(wanted, session=session)


def change_many():
    first = chance.randrange(60)
    chance.choice([
        lambda: db.items.update_many({"_id": {"$gte": first, "$lt": first + 20}}, {"$inc": {"touched": 1}}),
        lambda: db.items.delete_many({"_id": {"$gte": first, "$lt": first + 3}}),
        lambda: db.items.insert_many([{"_id": f"m{first}-{at}", **document()} for at in range(20)], ordered=False),
        lambda: db.feed.insert_one({"_id": object_id(), "text": word()}),
    ])()


def swap(session):
    """Two documents exchange what a unique index holds. Only together is it allowed."""
    one, two = chance.sample(range(SLOTS), 2)
    first, second = (db.people.find_one({"_id": at}, session=session) for at in (one, two))
    for at, slot in ((one, -1 - STREAM), (two, first["slot"]), (one, second["slot"])):
        db.people.update_one({"_id": at}, {"$set": {"slot": slot}, "$inc": {"moves": 1}}, session=session)


def increment(session, counter, mark):
    db.ledger.insert_one({"_id": mark, "counter": counter}, session=session)
    db.counter.update_one({"_id": counter}, {"$inc": {"n": 1}}, session=session)


def together(work):
    with client.start_session() as session:
        session.with_transaction(work)


def mixed(session):
    for _ in range(chance.randrange(1, 6)):
        change_item(session)
    db.ledger.insert_one({"note": word(), "_id": object_id()}, session=session)
    if chance.random() < 0.2:
        raise KeyboardInterrupt("rolled back on purpose")


def count(at):
    """Raises a counter, for certain and once, whatever the connection is at."""
    counter, mark = chance.randrange(COUNTERS), {"stream": STREAM, "turn": at}
    while True:
        try:
            together(lambda session: increment(session, counter, mark))
        except DuplicateKeyError:
            # An attempt whose answer was lost did it.
            pass
        except PyMongoError:
            time.sleep(0.1)
            continue
        return counter


def change_definition():
    name = f"t{chance.randrange(TABLES)}"
    table = db[name]
    index = chance.choice([
        {"keys": [("a", 1)]}, {"keys": [("a", -1), ("b", 1)], "sparse": True}, {"keys": [("h", "hashed")]},
        {"keys": [("u", 1)], "unique": True, "sparse": True}, {"keys": [("$**", 1)]}, {"keys": [("w", "text")]},
        {"keys": [("g", "2dsphere")]}, {"keys": [("p", 1)], "partialFilterExpression": {"p": {"$gt": 5}}},
        {"keys": [("l", 1)], "collation": {"locale": "de", "strength": 2}}, {"keys": [("at", 1)], "expireAfterSeconds": 10 ** 8},
    ])
    options = chance.choice([
        {}, {}, {"validator": {"a": {"$exists": True}}, "validationAction": "error"}, {"collation": {"locale": "en", "strength": 2}},
        {"clusteredIndex": {"key": {"_id": 1}, "unique": True}}, {"changeStreamPreAndPostImages": {"enabled": True}},
    ])
    chance.choice([
        lambda: db.create_collection(name, **options),
        lambda: table.drop(),
        lambda: table.rename(f"t{chance.randrange(TABLES)}", dropTarget=chance.random() < 0.5),
        lambda: db.command("collMod", name, validator={"a": {"$ne": chance.randrange(9)}}, validationLevel="moderate"),
        lambda: db.command("collMod", name, index={"keyPattern": {"a": 1}, "hidden": chance.random() < 0.5}),
        lambda: db.command("collMod", name, index={"keyPattern": {"at": 1}, "expireAfterSeconds": 2 * 10 ** 8}),
        lambda: table.create_index(**index), lambda: table.create_index(**index), lambda: table.create_index(**index),
        lambda: table.drop_index([("a", 1)]),
        lambda: table.drop_indexes(),
        lambda: db.create_collection(f"v{chance.randrange(2)}", viewOn=name, pipeline=[{"$match": {"a": chance.randrange(9)}}]),
        lambda: db.drop_collection(f"v{chance.randrange(2)}"),
        lambda: client.drop_database(side.name),
        lambda: side[name].insert_many([{"_id": at, "a": value()} for at in range(5)]),
    ])()


def fill():
    table = db[f"t{chance.randrange(TABLES)}"]
    body = {"a": chance.randrange(9), "p": chance.randrange(9), "w": word(), "l": word(), "at": DatetimeMS(int(time.time() * 1000))}
    chance.choice([
        lambda: table.insert_one({"_id": key(), **body}),
        lambda: table.insert_many([{"_id": object_id(), "u": object_id(), **body} for _ in range(5)]),
        lambda: table.update_one({"a": body["a"]}, {"$set": {"b": value(), "g": [chance.random(), 1.0]}}),
        lambda: table.delete_one({"a": body["a"]}),
        lambda: side[table.name].update_many({}, {"$set": {"a": value()}}),
        lambda: together(lambda session: [db[f"t{at}"].insert_one({"_id": object_id(), **body}, session=session) for at in (0, 1)]),
    ])()


def schema_percent():
    if copied.is_set():
        return SCHEMA_PERCENT
    return -(-SCHEMA_PERCENT // SELDOM) if WHILE_COPYING else 0


def main():
    threading.Thread(target=listen, daemon=True).start()
    turns, refused, increments = 0, 0, [0] * COUNTERS
    while not ended.is_set():
        if turns % 10 == 0:
            ended.wait(PAUSE_SECONDS)
        turns += 1
        which = chance.randrange(100)
        try:
            if chance.randrange(100) < schema_percent():
                change_definition()
            elif SCHEMA_PERCENT > 0:
                fill()
            elif which < 55:
                change_item()
            elif which < 70:
                increments[count(turns)] += 1
            elif which < 80:
                together(swap)
            elif which < 90:
                together(mixed)
            else:
                change_many()
        except KeyboardInterrupt:
            pass
        except PyMongoError as error:
            # The server refuses some of what comes together by chance.
            refused += 1
            if not isinstance(error, OperationFailure):
                time.sleep(0.05)
    print(json.dumps({"turns": turns, "refused": refused, "increments": increments}))


def prepare():
    """What is there before everything: run once, as the stream 0."""
    db.create_collection("feed", capped=True, size=64 << 20)
    db.counter.insert_many([{"_id": at, "n": 0} for at in range(COUNTERS)])
    db.people.create_index("slot", unique=True)
    db.people.insert_many([{"_id": at, "slot": at} for at in range(SLOTS)])
    db.items.create_index([("n", 1), ("deep.x.y", 1)])
    db.items.create_index("list")
    db.items.insert_many([{"_id": at, **document()} for at in range(30)])
    # Enough that a kill finds the copy at work.
    db.bulk.insert_many([{"_id": at, "text": word() * 20, "n": at} for at in range(20_000)], ordered=False)
    for name in (f"t{at}" for at in range(TABLES)):
        db[name].insert_many([{"_id": at, "a": at % 9} for at in range(20)])
    side.t0.insert_one({"_id": 0})


if STREAM == 0:
    prepare()
else:
    main()
