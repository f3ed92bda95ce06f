// @alicloud/pop-core: signs its parameters, by GET where that is its default and by POST for what is long.

import { RPCClient } from "@alicloud/pop-core";
import { Refused, Story, settings } from "./life.mjs";

const client = new RPCClient({
  accessKeyId: settings.key,
  accessKeySecret: settings.secret,
  endpoint: `http://${settings.endpoint}`,
  apiVersion: "2020-01-01",
});

const call = (operation, parameters) => {
  const method = "DbList" in parameters ? "POST" : "GET";
  return client.request(operation, parameters, { method, timeout: 60_000 }).catch((error) => {
    if (!error.data) throw error;
    throw new Refused(error.code, error.data.Message, 400);
  });
};

await new Story("pop_core", call).run();
