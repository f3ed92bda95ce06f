// A whole life of a job, in the words of the official API, for whichever client is given: `call(operation, parameters)`
// answers an object or throws a `Refused`. Rows are asked of the databases by MySQL's own client: nothing of ours.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

const DEADLINE = 120_000;
const LOOK_EVERY = 200;
const REGION = "cn-hangzhou";
const RESOURCE = "ALIYUN::DTS::INSTANCE";
const FAILED = ["PrecheckFailed", "InitializeFailed", "Failed", "ModifyFailed", "MigrationFailed"];

export const settings = JSON.parse(process.env.TIDEGATE_CLIENTS);

export class Refused extends Error {
  constructor(code, message, status) {
    super(`${status} ${code}: ${message}`);
    Object.assign(this, { code, status });
  }
}

export class Story {
  constructor(name, call) {
    this.name = name;
    this.ask = call;
    this.counts = {};
    this.database = `${name}_shop`;
  }

  async call(operation, parameters = {}) {
    this.counts[operation] = (this.counts[operation] ?? 0) + 1;
    const answer = await this.ask(operation, parameters);
    assert.ok(answer.RequestId, `${operation}: no RequestId`);
    return answer;
  }

  async refused(code, says, operation, parameters) {
    const error = await this.call(operation, parameters).then(
      () => assert.fail(`${operation} was not refused`),
      (error) => error,
    );
    assert.ok(error instanceof Refused, `${operation}: ${error.stack}`);
    assert.equal(error.code, code, error.message);
    assert.ok(error.message.includes(says), error.message);
  }

  sql(side, statements) {
    const [program, ...options] = settings[side].client;
    const ran = spawnSync(program, [...options, "-N", "-B", "-e", statements], { encoding: "utf8" });
    assert.equal(ran.status, 0, `${statements}: ${ran.stderr}`);
    return ran.stdout.trim();
  }

  async until(what, look) {
    const end = Date.now() + DEADLINE;
    for (;;) {
      const found = await look();
      if (found) return found;
      assert.ok(Date.now() < end, `${what}: not in time`);
      await new Promise((done) => setTimeout(done, LOOK_EVERY));
    }
  }

  status(job, wanted) {
    return this.until(`${job} ${wanted}`, async () => {
      const shown = await this.call("DescribeDtsJobDetail", { DtsJobId: job });
      if (shown.Status === wanted) return shown;
      assert.ok(!FAILED.includes(shown.Status), `${job} is ${shown.Status}: ${shown.ErrorMessage}`);
      return null;
    });
  }

  rows(side, count, table = "item") {
    const question = `SELECT COUNT(*) FROM ${this.database}.${table}`;
    return this.until(`${count} rows at the ${side}`, () => this.sql(side, question) === String(count));
  }

  gone(job) {
    return this.until(`${job} gone`, () =>
      this.call("DescribeDtsJobDetail", { DtsJobId: job }).then(
        () => false,
        (error) => assert.equal(error.code, "Forbidden.InstanceNotFound", error.message) ?? true,
      ),
    );
  }

  ends() {
    const end = (name, { host, port, user, password }) => ({
      [`${name}EndpointInstanceType`]: "OTHER",
      [`${name}EndpointEngineName`]: "MySQL",
      [`${name}EndpointRegion`]: REGION,
      [`${name}EndpointIP`]: host,
      [`${name}EndpointPort`]: String(port),
      [`${name}EndpointUserName`]: user,
      [`${name}EndpointPassword`]: password,
    });
    return { ...end("Source", settings.source), ...end("Destination", settings.target) };
  }

  configuration(objects, name) {
    return {
      ...this.ends(),
      RegionId: REGION,
      DtsJobName: name,
      JobType: "SYNC",
      StructureInitialization: true,
      DataInitialization: true,
      DataSynchronization: true,
      DbList: objects,
      Reserve: '{"autoStartModulesAfterConfig":"none"}',
    };
  }

  async run() {
    this.sql(
      "source",
      `CREATE DATABASE ${this.database}; CREATE TABLE ${this.database}.item (id INT PRIMARY KEY, what VARCHAR(40));` +
        `CREATE TABLE ${this.database}.extra (id INT PRIMARY KEY);` +
        `INSERT INTO ${this.database}.item VALUES (1, 'é中'), (2, 'two'); INSERT INTO ${this.database}.extra VALUES (1)`,
    );
    const { job, instance } = await this.make();
    await this.lookAround(job, instance);
    await this.otherObjects(job);
    const reverse = await this.turnAround(job);
    await this.change(job);
    await this.end(job, instance, reverse);
    await this.several();
    await this.migrate();
    await this.reset();
    console.log(JSON.stringify({ client: this.name, operations: this.counts }));
  }

  async make() {
    const made = await this.call("CreateDtsInstance", {
      RegionId: REGION,
      Type: "SYNC",
      SourceRegion: REGION,
      DestinationRegion: REGION,
      SourceEndpointEngineName: "MySQL",
      DestinationEndpointEngineName: "MySQL",
      InstanceClass: "small",
      PayType: "PostPaid",
    });
    assert.equal(made.Success, "true");
    const [job, instance] = [made.JobId, made.InstanceId];
    await this.status(job, "NotConfigured");
    const tags = [{ Key: "client", Value: this.name }, { Key: "empty", Value: "" }];
    await this.call("TagResources", { RegionId: REGION, ResourceType: RESOURCE, ResourceId: [instance], Tag: tags });
    const found = await this.call("ListTagResources", { RegionId: REGION, ResourceType: RESOURCE, ResourceId: [instance] });
    assert.deepEqual(found.TagResources.TagResource.map((tag) => tag.TagKey), ["client", "empty"]);
    await this.refused("InvalidJobStatus", "not configured", "StartDtsJob", { DtsJobId: job });
    const tested = await this.call("DescribeConnectionStatus", { RegionId: REGION, ...this.ends() });
    assert.equal(tested.SourceConnectionStatus.connectRes, true);
    const wrong = await this.call("DescribeConnectionStatus", { ...this.ends(), SourceEndpointPassword: "wr ong+&=%" });
    assert.equal(wrong.SourceConnectionStatus.connectRes, false);
    const networks = await this.call("DescribeDTSIP", { SourceEndpointRegion: REGION });
    assert.match(networks.DynamicMessage, /\//);
    const objects = `{"${this.database}": {"name" : "${this.database}","all":false, "Table":{"item":{"name":"item","all":true}}}}`;
    const name = `${this.name} & jobs`;
    const configured = await this.call("ConfigureDtsJob", { DtsJobId: job, ...this.configuration(objects, name) });
    assert.equal(configured.DtsInstanceId, instance);
    const shown = await this.status(job, "NotStarted");
    assert.deepEqual([shown.DbObject, shown.DtsJobName], [objects, name]);
    const started = await this.call("StartDtsJob", { DtsJobId: job });
    assert.equal(started.Success, true);
    await this.status(job, "Synchronizing");
    await this.rows("target", 2);
    this.sql("source", `INSERT INTO ${this.database}.item VALUES (3, 'three')`);
    await this.rows("target", 3);
    return { job, instance };
  }

  async lookAround(job, instance) {
    const listed = await this.call("DescribeDtsJobs", { JobType: "SYNC", PageSize: 200, Params: this.name, Type: "name" });
    const [one] = listed.DtsJobList;
    assert.equal(one.DtsInstanceID, instance);
    assert.ok(one.ReverseJob.SourceEndpoint);
    const precheck = await this.call("DescribePreCheckStatus", { DtsJobId: job, JobCode: "01" });
    assert.deepEqual([precheck.State, precheck.ErrorItem], ["Finished", 0]);
    const [skippable] = precheck.JobProgress.filter((item) => item.CanSkip).map((item) => item.Item);
    await this.call("SkipPreCheck", { DtsJobId: job, Skip: true, SkipPreCheckItems: JSON.stringify([skippable]) });
    await this.call("ShieldPrecheck", { DtsInstanceId: instance, PrecheckItems: skippable });
    const steps = await this.call("ListJobStep", { DtsJobId: job });
    assert.deepEqual(steps.JobSteps.map((step) => step.State).slice(0, 3), ["Finished", "Finished", "Finished"]);
    await this.call("SummaryJobDetail", { DtsJobId: job, JobCode: "02" });
    assert.deepEqual((await this.call("DescribeDtsJobConfig", { DtsJobId: job })).Parameters, []);
    const logged = await this.call("DescribeDtsServiceLog", { DtsJobId: job });
    assert.ok(logged.TotalRecordCount > 3);
    await this.call("CreateJobMonitorRule", { DtsJobId: job, Type: "delay", State: "Y", DelayRuleTime: 60 });
    const { MonitorRules: rules } = await this.call("DescribeJobMonitorRule", { DtsJobId: job });
    assert.equal(rules[0].DelayRuleTime, 60);
    const points = await this.call("DescribeMetricList", { MetricName: "rps", MetricType: "NODE", Param: job, Period: 15 });
    assert.ok(points.DataPoints.length > 0);
    const counted = await this.call("CountJobByCondition", { Region: REGION, RegionId: REGION, JobType: "SYNC" });
    assert.ok(counted.TotalRecordCount > 0);
    const all = await this.call("DescribeDtsInstances", { PageNum: 1, PageSize: 50 });
    assert.ok(all.DtsInstanceStatusList.some((one) => one.DtsInstanceId === instance));
    const detail = await this.call("DescribeDtsInstanceDetail", { DtsInstanceId: instance });
    assert.equal(detail.DtsInstanceStatus.DtsInstanceId, instance);
    await this.call("ModifyDtsJobName", { DtsJobId: job, DtsJobName: `${this.name} renamed` });
    const moved = { RegionId: REGION, DtsJobId: job, NewCheckPoint: 1_700_000_000 };
    await this.refused("OperationDenied", "exactly where it was", "ModifyJobStepCheckpoint", moved);
    await this.refused("InvalidApi.NotFound", "not found", "UpgradeTwoWay", { InstanceId: instance });
    await this.refused("Forbidden.InstanceNotFound", "not found", "DescribeDtsJobDetail", { DtsJobId: "l3m1213ye7l0000" });
    await this.refused("OperationDenied", "two-way", "SuspendDtsJob", { DtsJobId: job, SynchronizationDirection: "Reverse" });
  }

  async otherObjects(job) {
    const objects = { [this.database]: { all: false, Table: { item: { all: true }, extra: { all: true } } } };
    await this.call("ModifyDtsJob", { DtsJobId: job, DtsInstanceId: `dts${job}`, DbList: JSON.stringify(objects) });
    await this.until("the other objects", async () => {
      const shown = await this.call("DescribeDtsJobDetail", { DtsJobId: job });
      return shown.Status === "Synchronizing" && shown.DbObject.includes("extra");
    });
    await this.rows("target", 1, "extra");
  }

  async turnAround(job) {
    const { DtsJobId: reverse, Success } = await this.call("CreateReverseDtsJob", { DtsJobId: job });
    assert.equal(Success, "true");
    await this.status(reverse, "Initializing");
    await this.refused("InvalidJobStatus", "pause it first", "StartReverseWriter", { DtsJobId: reverse });
    await this.call("SuspendDtsJob", { DtsJobId: job });
    await this.status(job, "Suspending");
    this.sql("target", `INSERT INTO ${this.database}.item VALUES (100, 'on the other side')`);
    await this.refused("OperationDenied", "CheckPoint", "StartReverseWriter", { DtsJobId: reverse, CheckPoint: "1695613785" });
    await this.call("StartReverseWriter", { DtsJobId: reverse });
    await this.status(reverse, "Synchronizing");
    await this.rows("source", 4);
    await this.refused("InvalidJobStatus", "right to write", "StartDtsJob", { DtsJobId: job });
    return reverse;
  }

  async change(job) {
    const { host, port, user, password } = settings.target;
    await this.call("ModifyDtsJobPassword", { DtsJobId: job, Endpoint: "dest", Password: password });
    await this.call("ModifyDtsJobEndpoint", {
      DtsJobId: job,
      Endpoint: "dest",
      EndpointInstanceType: "other",
      EndpointIp: host,
      EndpointPort: String(port),
      Username: user,
      Password: password,
    });
  }

  async end(job, instance, reverse) {
    for (const one of [reverse, job]) {
      await this.call("StopDtsJob", { DtsJobId: one });
      await this.status(one, "Finished");
    }
    await this.call("StopDtsJob", { DtsJobId: job });
    await this.refused("InvalidJobStatus", "never starts again", "StartDtsJob", { DtsJobId: job });
    await this.refused("InvalidJobStatus", "has a reverse", "ResetDtsJob", { DtsJobId: job });
    await this.call("UntagResources", { RegionId: REGION, ResourceType: RESOURCE, ResourceId: [instance], All: true });
    for (const one of [reverse, job]) {
      await this.call("DeleteDtsJob", { DtsJobId: one });
      await this.gone(one);
    }
    await this.refused("InvalidJobId", "not found", "DeleteSynchronizationJob", { SynchronizationJobId: instance });
    const [source, target] = ["source", "target"].map((side) => this.sql(side, `SELECT * FROM ${this.database}.item ORDER BY id`));
    assert.equal(source, target);
    assert.equal(source.split("\n").length, 4);
  }

  // Configured first, bought later, and asked for by lists.
  async several() {
    const table = `${this.database}.late`;
    this.sql("source", `CREATE TABLE ${table} (id INT PRIMARY KEY, n INT); INSERT INTO ${table} VALUES (1, 1), (2, 2)`);
    const objects = `{"${this.database}":{"Table":{"late":{"filter":"n > 1"}}}}`;
    const { DtsJobId: job } = await this.call("ConfigureDtsJob", this.configuration(objects, `${this.name} late`));
    await this.status(job, "NotStarted");
    await this.call("CreateDtsInstance", { JobId: job, PayType: "PostPaid" });
    await this.call("StartDtsJobs", { DtsJobIds: job });
    await this.status(job, "Synchronizing");
    await this.rows("target", 1, "late");
    await this.call("SuspendDtsJobs", { DtsJobIds: job });
    await this.status(job, "Suspending");
    await this.call("StopDtsJobs", { DtsJobIds: job });
    await this.status(job, "Finished");
    await this.call("DeleteDtsJobs", { DtsJobIds: job });
    await this.gone(job);
  }

  // A copy that ends by itself: bought first, so it goes on as soon as it is configured.
  async migrate() {
    const table = `${this.database}.moved`;
    this.sql("source", `CREATE TABLE ${table} (id INT PRIMARY KEY); INSERT INTO ${table} VALUES (1), (2), (3)`);
    const { JobId: job } = await this.call("CreateDtsInstance", { RegionId: REGION, Type: "MIGRATION", PayType: "PostPaid" });
    const objects = `{"${this.database}":{"Table":{"moved":{}}}}`;
    const { SourceEndpointIP, SourceEndpointPort, ...configuration } = this.configuration(objects, `${this.name} moves`);
    // By the id that the service's settings know, as the hosted service's databases are named.
    await this.call("ConfigureDtsJob", {
      ...configuration,
      DtsJobId: job,
      JobType: "MIGRATION",
      DataSynchronization: false,
      Reserve: '{"targetTableMode":"0"}',
      SourceEndpointInstanceType: "RDS",
      SourceEndpointInstanceID: "rm-source",
    });
    const shown = await this.status(job, "Finished");
    assert.equal(shown.SourceEndpoint.InstanceID, "rm-source");
    await this.rows("target", 3, "moved");
    const listed = await this.call("DescribeDtsJobs", { DtsJobId: job });
    assert.equal(listed.DtsJobList[0].DataInitializationStatus.Status, "Finished");
    await this.call("DeleteDtsJob", { DtsJobId: job });
    await this.gone(job);
  }

  // Begun anew, and deleted while it runs.
  async reset() {
    const table = `${this.database}.anew`;
    this.sql("source", `CREATE TABLE ${table} (id INT PRIMARY KEY); INSERT INTO ${table} VALUES (1)`);
    const objects = `{"${this.database}":{"Table":{"anew":{"dml_op":"insert,update,delete"}}}}`;
    const configuration = this.configuration(objects, `${this.name} anew`);
    const { DtsJobId: job } = await this.call("ConfigureDtsJob", configuration);
    await this.call("StartDtsJob", { DtsJobId: job });
    await this.status(job, "Synchronizing");
    await this.refused("InvalidJobStatus", "pause it first", "ResetDtsJob", { DtsJobId: job });
    await this.call("SuspendDtsJob", { DtsJobId: job });
    await this.status(job, "Suspending");
    await this.call("ResetDtsJob", { DtsJobId: job });
    await this.status(job, "NotConfigured");
    const left = `SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '${this.database}' AND table_name = 'anew'`;
    await this.until("the reset", () => this.sql("target", left) === "0");
    await this.refused("InvalidJobStatus", "ConfigureDtsJob", "StartDtsJob", { DtsJobId: job });
    await this.call("ConfigureDtsJob", { DtsJobId: job, ...configuration });
    await this.call("StartDtsJob", { DtsJobId: job });
    await this.status(job, "Synchronizing");
    await this.rows("target", 1, "anew");
    await this.call("DeleteDtsJob", { DtsJobId: job });
    await this.gone(job);
  }
}
