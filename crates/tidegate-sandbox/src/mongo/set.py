"""What is done with a replica set through its own commands: `set.py ACTION [MEMBER]`."""

import os
import sys
import time

import pymongo
from pymongo.errors import PyMongoError

PORTS = [int(port) for port in os.environ["MONGO_PORTS"].split(",")]
SET = os.environ["MONGO_SET"]
PASSWORD = os.environ.get("MONGO_PASSWORD")
DEADLINE_SECONDS = 60


def member(port, known=True):
    """A client of one member, whatever its state is."""
    user = {"username": "root", "password": PASSWORD, "authSource": "admin"} if PASSWORD and known else {}
    return pymongo.MongoClient(
        "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=1000, connectTimeoutMS=1000,
        socketTimeoutMS=20000, heartbeatFrequencyMS=500, **user)


def until(what, look):
    started = time.monotonic()
    last = None
    while time.monotonic() - started < DEADLINE_SECONDS:
        try:
            found = look()
            if found is not None:
                return found
        except PyMongoError as error:
            last = error
        time.sleep(0.02)
    sys.exit(f"{what} did not come about within {DEADLINE_SECONDS} s: {last}")


# Saying hello needs no rights.
GREETERS = [member(port, known=False) for port in PORTS]


def hello(at):
    try:
        return GREETERS[at].admin.command("hello")
    except PyMongoError:
        return {}


def primary(other_than=None):
    def look():
        for at in range(len(PORTS)):
            if at != other_than and hello(at).get("isWritablePrimary"):
                return at
        return None
    return until("a writable primary", look)


def serves(at):
    def look():
        said = hello(at)
        return True if said.get("isWritablePrimary") or said.get("secondary") else None
    return until(f"a working member {at}", look)


def initiate():
    config = {
        "_id": SET,
        "members": [{"_id": at, "host": f"127.0.0.1:{port}"} for at, port in enumerate(PORTS)],
        # A test has no time for the ten seconds after which a set misses its primary.
        "settings": {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500},
    }
    GREETERS[0].admin.command("replSetInitiate", config)
    first = primary()
    for at in range(len(PORTS)):
        serves(at)
    if PASSWORD:
        # The first user may be made from the same machine by anybody.
        GREETERS[first].admin.command("createUser", "root", pwd=PASSWORD, roles=["root"], writeConcern={"w": "majority"})


def step_down():
    old = primary()
    alone = len(PORTS) == 1
    command = {"replSetStepDown": 1 if alone else 10, "secondaryCatchUpPeriodSecs": 0 if alone else 8, "force": alone}
    try:
        member(PORTS[old]).admin.command(command)
    except pymongo.errors.AutoReconnect:
        # It may end its connections.
        pass
    primary(None if alone else old)


action = sys.argv[1]
if action == "initiate":
    initiate()
elif action == "primary":
    print(primary())
elif action == "step-down":
    step_down()
elif action == "serves":
    serves(int(sys.argv[2]))
else:
    sys.exit(f"no action {action}")
