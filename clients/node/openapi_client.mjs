// @alicloud/openapi-client: signs in a header, and sends its form in chunks.

import openapi, * as models from "@alicloud/openapi-client";
import * as util from "@alicloud/tea-util";
import { Refused, Story, settings } from "./life.mjs";

const OpenApi = openapi.default;
const client = new OpenApi(
  new models.Config({
    accessKeyId: settings.key,
    accessKeySecret: settings.secret,
    endpoint: settings.endpoint,
    protocol: "HTTP",
  }),
);

// As generated SDKs do: what is long goes into the form, lists become numbered names.
const flat = (parameters) =>
  Object.fromEntries(
    Object.entries(parameters).flatMap(([name, value]) => {
      if (!Array.isArray(value)) return [[name, String(value)]];
      return value.flatMap((one, at) =>
        typeof one === "object"
          ? Object.entries(one).map(([part, text]) => [`${name}.${at + 1}.${part}`, text])
          : [[`${name}.${at + 1}`, one]],
      );
    }),
  );

const call = async (operation, { DbList, Reserve, ...parameters }) => {
  const body = Object.fromEntries(Object.entries({ DbList, Reserve }).filter(([, value]) => value !== undefined));
  const params = new models.Params({
    action: operation,
    version: "2020-01-01",
    protocol: "HTTP",
    pathname: "/",
    method: "POST",
    authType: "AK",
    style: "RPC",
    reqBodyType: "formData",
    bodyType: "json",
  });
  const request = new models.OpenApiRequest({ query: flat(parameters), body: Object.keys(body).length > 0 ? body : undefined });
  try {
    return (await client.callApi(params, request, new util.RuntimeOptions({}))).body;
  } catch (error) {
    if (!error.statusCode) throw error;
    throw new Refused(error.code, error.message, error.statusCode);
  }
};

await new Story("openapi_client", call).run();
