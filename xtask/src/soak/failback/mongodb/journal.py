"""Who wrote what, by the server's own log: `journal.py DATABASE SINCE`, where SINCE is what it has answered as `end`, or "-".

A link's transaction writes to the database `tidegate` too. Its changes of definitions stand between the insertion of an
entry of `tidegate.ddl` that names the collection and the deletion of the entry."""

import json
import os
import sys

import pymongo
from bson import Timestamp

NAME, SINCE = sys.argv[1:3]
client = pymongo.MongoClient(os.environ["MONGO_URL"])
oplog = client.local["oplog.rs"]
# The beginning of what the server has in more than one entry.
SILENT = {"startIndexBuild", "abortIndexBuild"}


def end():
    last = client.admin.command("hello")["lastWrite"]["opTime"]["ts"]
    return f"{last.time},{last.inc}"


def journal(entry, opened):
    """Keeps note of what `tidegate.ddl` has."""
    if entry["ns"] != "tidegate.ddl":
        return
    key = json.dumps((entry["o"] if entry["op"] != "u" else entry["o2"])["_id"], sort_keys=True)
    if entry["op"] == "i":
        opened[key] = set(entry["o"].get("names", []))
    elif entry["op"] == "d":
        opened.pop(key, None)
    elif "names" in entry["o"]:
        opened[key] = set(entry["o"]["names"])


def is_of_links(entries, opened):
    names = {entry["ns"] for entry in entries}
    if any(name.startswith("tidegate.") for name in names):
        return True
    for entry in entries:
        if entry["op"] == "c":
            kind = next(iter(entry["o"]))
            about = entry["o"][kind]
            name = about if kind == "renameCollection" else f"{NAME}.{about}"
            return any(name in known for known in opened.values())
    return False


def sets_an_age(entry):
    """At a takeover, on both sides: nothing expires any more where applications were, and begins to where they come."""
    index = entry["o"].get("index", {}) if entry["op"] == "c" and "collMod" in entry["o"] else {}
    return "expireAfterSeconds" in index


def main():
    answer = {"end": end(), "by_applications": 0, "by_links": 0}
    if SINCE == "-":
        return answer
    since, until = (Timestamp(*map(int, text.split(","))) for text in (SINCE, answer["end"]))
    opened, pieces = {}, {}
    for one in oplog.find({"ts": {"$gt": since, "$lte": until}}).sort("$natural", 1):
        entries = [one]
        if one["op"] == "c" and "applyOps" in one["o"]:
            key = (str(one.get("lsid")), one.get("txnNumber"))
            entries = pieces.pop(key, []) + one["o"]["applyOps"]
            if one["o"].get("partialTxn"):
                pieces[key] = entries
                continue
        for entry in entries:
            journal(entry, opened)
        mine = [entry for entry in entries if entry["op"] != "n" and entry["ns"].startswith(NAME + ".")]
        if not mine or mine[0]["op"] == "c" and next(iter(mine[0]["o"])) in SILENT:
            continue
        if is_of_links(entries, opened) and sets_an_age(mine[0]):
            continue
        answer["by_links" if is_of_links(entries, opened) else "by_applications"] += 1
    return answer


print(json.dumps(main()))
