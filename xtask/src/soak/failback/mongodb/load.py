"""Applications on one side: `load.py DATABASE prepare`, or `load.py DATABASE write NUMBER`.

They write until their input ends, then wait until everything has expired that has an age, and print how often a definition
was changed. NUMBER tells this time from every other; with "-" no definition changes."""

import datetime
import os
import random
import sys
import threading
import time

import pymongo

NAME, VERB = sys.argv[1:3]
RATE = 200
ACCOUNTS, ITEMS = 50, 2000
CHANGE_EVERY_SECONDS = 1.5
# Of a session; the server looks once a second.
AGE_SECONDS = 2

client = pymongo.MongoClient(
    os.environ["MONGO_URL"], username="application", password="of-the-application", w="majority",
    serverSelectionTimeoutMS=20000)
db = client[NAME]
ended = threading.Event()


def prepare():
    db.item.insert_many([item(at) for at in range(ITEMS)])
    db.item.create_index("n")
    db.item.create_index("code", unique=True)
    db.account.insert_many([{"_id": at, "sum": 1000} for at in range(ACCOUNTS)])
    db.session.create_index("at", expireAfterSeconds=AGE_SECONDS)


def item(at):
    return {"_id": at, "code": f"code {at}", "n": at % 97, "tags": [at % 5, at % 3], "deep": {"a": {"b": at}}}


class Writer:
    def __init__(self, number):
        self.chance = random.Random(number)
        self.turn = 0
        self.number = number

    def write(self):
        self.turn += 1
        one, kind = {"_id": self.chance.randrange(ITEMS)}, self.chance.randrange(10)
        if kind == 0:
            new = ITEMS * 1000 * (self.number + 1) + self.turn
            db.item.insert_one(item(new))
        elif kind == 1:
            db.item.delete_one({"_id": {"$gte": ITEMS}, "n": self.chance.randrange(97)})
        elif kind < 4:
            db.item.update_one(one, {"$inc": {"deep.a.b": 1}, "$set": {f"seen.{self.number}": self.turn}})
        elif kind < 6:
            db.item.update_one(one, {"$push": {"tags": {"$each": [self.turn], "$position": 0, "$slice": 7}}})
        elif kind == 6:
            db.item.update_one(one, {"$pull": {"tags": {"$gt": 3}}, "$unset": {"deep.c": 1}})
        elif kind == 7:
            db.session.insert_one({"at": datetime.datetime.now(datetime.timezone.utc), "turn": self.turn})
        else:
            with client.start_session() as session:
                session.with_transaction(self.transfer)

    def transfer(self, session):
        left, right = self.chance.sample(range(ACCOUNTS), 2)
        db.account.update_one({"_id": left}, {"$inc": {"sum": -1}}, session=session)
        db.account.update_one({"_id": right}, {"$inc": {"sum": 1}}, session=session)
        db.transfer.insert_one({"left": left, "right": right}, session=session)

    def define(self, at):
        """One change of definitions, each of another kind."""
        made, kind = f"made_{self.number}_{at}", at % 8
        if kind == 0:
            db[made].insert_many([{"_id": 1, "v": "a"}, {"_id": 2, "v": "b"}])
        elif kind == 1:
            db.item.create_index([("n", 1), (f"seen.{self.number}", 1)], name=f"seen_{self.number}_{at}")
        elif kind == 2:
            db.create_collection(made, validator={"v": {"$type": "string"}}, collation={"locale": "en"})
            db[made].insert_one({"v": "c"})
        elif kind == 3:
            db.command("collMod", "item", validator={"n": {"$lt": 1000 + at}}, validationLevel="moderate")
        elif kind == 4:
            db[f"made_{self.number}_{at - 4}"].rename(f"renamed_{self.number}_{at}")
        elif kind == 5:
            db.item.drop_index(f"seen_{self.number}_{at - 4}")
        elif kind == 6:
            db[f"made_{self.number}_{at - 4}"].drop()
        else:
            db[made].create_index("u", unique=True)
            db[made].insert_one({"u": 1})


def write(number):
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    writer, changes = Writer(0 if number is None else number), 0
    started = time.monotonic()
    while not ended.is_set():
        writer.write()
        now = time.monotonic() - started
        if number is not None and now > CHANGE_EVERY_SECONDS * (changes + 1):
            writer.define(changes)
            changes += 1
        ended.wait(max(0.0, writer.turn / RATE - now))
    # Nothing is written by itself from here on.
    while db.session.find_one():
        time.sleep(0.05)
    print(changes)


if VERB == "prepare":
    prepare()
else:
    write(None if sys.argv[3] == "-" else int(sys.argv[3]))
