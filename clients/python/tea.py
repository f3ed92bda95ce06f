"""The SDK alibabacloud-dts20200101: its own requests, models and exceptions."""

import asyncio
import re
import sys

from alibabacloud_dts20200101.client import Client
from alibabacloud_dts20200101 import models
from alibabacloud_tea_openapi import models as openapi
from darabonba.exceptions import DaraException
from darabonba.runtime import RuntimeOptions

from life import Refused, Story


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def method(client, operation):
    wanted = snake(operation).replace("_", "")
    found = [name for name in dir(client) if name.replace("_", "") == wanted]
    return found[0] if found else None


class Tea:
    def __init__(self, is_async, signature):
        from os import environ
        import json

        settings = json.loads(environ["TIDEGATE_CLIENTS"])
        self.is_async = is_async
        self.client = Client(
            openapi.Config(
                access_key_id=settings["key"], access_key_secret=settings["secret"], endpoint=settings["endpoint"],
                protocol="HTTP", signature_algorithm=signature,
            )
        )

    async def call(self, operation, parameters):
        try:
            answer = await self.ask(operation, parameters)
        except DaraException as error:
            raise Refused(error.code, error.message, getattr(error, "status_code", 0) or int(error.data["statusCode"])) from error
        return answer

    async def ask(self, operation, parameters):
        name = method(self.client, operation)
        if name is None:
            return await self.generic(operation, parameters)
        request = getattr(models, f"{operation}Request")().from_map(parameters)
        if self.is_async:
            response = await getattr(self.client, f"{name}_async")(request)
        else:
            response = getattr(self.client, name)(request)
        assert response.status_code == 200, response.status_code
        return response.body.to_map()

    async def generic(self, operation, parameters):
        """What the SDK has no method for, as Terraform asks for it."""
        params = openapi.Params(
            action=operation, version="2020-01-01", protocol="HTTP", pathname="/", method="POST", auth_type="AK",
            style="RPC", req_body_type="formData", body_type="json",
        )
        request = openapi.OpenApiRequest(query={name: str(value) for name, value in parameters.items()})
        if self.is_async:
            response = await self.client.call_api_async(params, request, RuntimeOptions())
        else:
            response = self.client.call_api(params, request, RuntimeOptions())
        return response["body"]


if __name__ == "__main__":
    name = sys.argv[1]
    tea = Tea(name == "tea_async", "v2" if name == "tea_v1" else None)
    asyncio.run(Story(name, tea.call).run())
