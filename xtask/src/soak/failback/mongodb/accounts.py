"""The accounts of one side: `accounts.py DATABASE PASSWORD`. Those of the links have what the manual says, for both directions."""

import os
import sys

import pymongo

DATABASE, PASSWORD = sys.argv[1:3]
admin = pymongo.MongoClient(os.environ["MONGO_URL"], w="majority").admin

admin.command("createRole", "tidegateFence", privileges=[
    {"resource": {"cluster": True},
     "actions": ["setUserWriteBlockMode", "bypassWriteBlockingMode", "inprog", "killAnySession"]},
    {"resource": {"db": "config", "collection": "user_writes_critical_sections"}, "actions": ["find"]},
], roles=[])
admin.command("createUser", "tidegate", pwd=PASSWORD, roles=[
    {"role": "readAnyDatabase", "db": "admin"}, {"role": "clusterMonitor", "db": "admin"},
    {"role": "readWrite", "db": "tidegate"}, {"role": "dbAdmin", "db": "tidegate"},
    {"role": "readWrite", "db": DATABASE}, {"role": "dbAdmin", "db": DATABASE},
    {"role": "tidegateFence", "db": "admin"},
])
admin.command("createUser", "application", pwd="of-the-application", roles=[
    {"role": "readWrite", "db": DATABASE}, {"role": "dbAdmin", "db": DATABASE},
])
