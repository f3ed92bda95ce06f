"""The sample shop: `shop.py fill DOCUMENTS` or `shop.py visit`, which goes on until its input ends."""

import json
import os
import random
import sys
import threading
import time

import pymongo
from bson import Binary, Decimal128, Int64, ObjectId
from bson.datetime_ms import DatetimeMS
from pymongo.errors import PyMongoError

chance = random.Random(7)
client = pymongo.MongoClient(os.environ["MONGO_URL"])
shop = client.shop
COUNTRIES, NAMES = ["de", "fr", "jp", "pl", "us"], ["Zoë", "Łukasz", "美咲", "Ann 🐟"]
# A request in so many seconds, so that a machine of two cores has time left for the link and the servers.
PAUSE_SECONDS = 0.004


def customer(at):
    return {"_id": at, "email": f"c{at}@example.com", "name": f"{NAMES[at % 4]} {at}", "country": COUNTRIES[at % 5],
            "born": DatetimeMS(at % 20000 * 86_400_000), "settings": {"visits": at % 9, "news": at % 2 == 0, "last": [at, at // 3, None]}}


def product(at):
    return {"_id": f"sku-{at:06}", "name": f"product {at}", "price": Decimal128(f"{1 + at % 500}.95"), "weight": at / 7,
            "tags": ["new", "sale", "heavy"][:at % 4], "stock": Int64(1_000_000), "picture": Binary(bytes([at % 256]) * 64)}


def order(customers, products, state=None):
    lines = [{"sku": f"sku-{chance.randrange(products):06}", "quantity": 1 + chance.randrange(5), "price": Decimal128("9.95")}
             for _ in range(1 + chance.randrange(5))]
    return {"customer": chance.randrange(customers), "placed": DatetimeMS(int(time.time() * 1000)), "lines": lines,
            "state": state or chance.choice(["new", "paid", "sent", "back"]), "history": [{"state": "new", "by": "shop"}]}


def sizes(documents):
    return documents // 5, max(documents // 20, 1)


def fill(documents):
    customers, products = sizes(documents)
    shop.customers.create_index("email", unique=True)
    shop.customers.create_index([("country", 1), ("born", -1)])
    shop.products.create_index([("name", "text")])
    shop.orders.create_index([("customer", 1), ("placed", -1)])
    shop.orders.create_index("lines.sku")
    shop.command("create", "sent", viewOn="orders", pipeline=[{"$match": {"state": "sent"}}])
    for collection, make, count in (
        (shop.customers, customer, customers), (shop.products, product, products),
        (shop.orders, lambda at: order(customers, products), documents - customers - products),
    ):
        for first in range(0, count, 5000):
            collection.insert_many([make(at) for at in range(first, min(first + 5000, count))], ordered=False)


def buy(session, customers, products):
    made = order(customers, products, "paid")
    key = shop.orders.insert_one(made, session=session).inserted_id
    for line in made["lines"]:
        shop.products.update_one({"_id": line["sku"]}, {"$inc": {"stock": -line["quantity"]}}, session=session)
    shop.payments.insert_one({"_id": {"order": key}, "amount": Decimal128("19.90")}, session=session)


def request(number, customers, products):
    someone, something = chance.randrange(customers), f"sku-{chance.randrange(products):06}"
    kind = number % 8
    if kind < 3:
        with client.start_session() as session:
            session.with_transaction(lambda session: buy(session, customers, products))
    elif kind == 3:
        shop.customers.update_one({"_id": someone}, {"$inc": {"settings.visits": 1}, "$push": {"settings.last": {"$each": [number], "$slice": -5}}})
    elif kind == 4:
        shop.products.update_one({"_id": something}, [{"$set": {"price": {"$add": ["$price", Decimal128("0.01")]}, "tags": {"$reverseArray": "$tags"}}}])
    elif kind == 5:
        shop.orders.update_one({"customer": someone}, {"$set": {"state": "sent", "lines.0.quantity": 1}, "$push": {"history": {"state": "sent"}}})
    elif kind == 6:
        shop.orders.delete_one({"customer": someone})
    else:
        shop.customers.replace_one({"_id": someone}, customer(someone) | {"seen": ObjectId()})


def visit():
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    customers, products = shop.customers.estimated_document_count(), shop.products.estimated_document_count()
    number = 0
    while not ended.wait(PAUSE_SECONDS):
        try:
            request(number, customers, products)
        except PyMongoError as error:
            print(error, file=sys.stderr)
        number += 1
    print(json.dumps(number))


if sys.argv[1] == "fill":
    fill(int(sys.argv[2]))
else:
    visit()
