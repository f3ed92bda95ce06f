"""The older SDK: aliyun-python-sdk-core with the requests of aliyun-python-sdk-dts, and CommonRequest for the others."""

import asyncio
import importlib
import json
from os import environ

from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest

from life import REGION, Refused, Story


class Core:
    def __init__(self):
        settings = json.loads(environ["TIDEGATE_CLIENTS"])
        self.endpoint = settings["endpoint"]
        self.client = AcsClient(settings["key"], settings["secret"], REGION)

    async def call(self, operation, parameters):
        try:
            return json.loads(self.client.do_action_with_exception(self.request(operation, parameters)))
        except ServerException as error:
            raise Refused(error.get_error_code(), error.get_error_msg(), error.get_http_status()) from error

    def request(self, operation, parameters):
        try:
            module = importlib.import_module(f"aliyunsdkdts.request.v20200101.{operation}Request")
            request = getattr(module, f"{operation}Request")()
            request.set_endpoint(self.endpoint)
        except ModuleNotFoundError:
            request = CommonRequest(version="2020-01-01", action_name=operation)
            request.set_domain(self.endpoint)
            request.set_method("POST")
        request.set_protocol_type("http")
        request.set_accept_format("JSON")
        for name, value in parameters.items():
            self.put(request, name, value)
        return request

    def put(self, request, name, value):
        if isinstance(value, list):
            for at, one in enumerate(value, 1):
                parts = one.items() if isinstance(one, dict) else [(None, one)]
                for part, text in parts:
                    request.add_query_param(f"{name}.{at}" + (f".{part}" if part else ""), text)
        elif isinstance(value, dict):
            request.add_body_params(name, json.dumps(value))
        elif name in ("DbList", "Reserve"):
            request.add_body_params(name, value)
        else:
            request.add_query_param(name, value)


if __name__ == "__main__":
    asyncio.run(Story("core", Core().call).run())
