"""A whole life of a job, in the words of the official API, for whichever client is given.

The client is a coroutine `call(operation, parameters)` that answers a dict or raises `Refused`. What applications do, and
what the rows are, is asked of the databases by MySQL's own client: nothing of ours.
"""

import asyncio
import json
import os
import subprocess
import time
from collections import Counter

DEADLINE = 120
REGION = "cn-hangzhou"
FAILED = {"PrecheckFailed", "InitializeFailed", "Failed", "ModifyFailed", "MigrationFailed"}


class Refused(Exception):
    """The service has refused something."""

    def __init__(self, code, message, status):
        super().__init__(f"{status} {code}: {message}")
        self.code, self.message, self.status = code, message, status


class Story:
    def __init__(self, name, call):
        self.name, self._call, self.counts = name, call, Counter()
        self.settings = json.loads(os.environ["TIDEGATE_CLIENTS"])
        self.database = f"{name}_shop"

    async def call(self, operation, **parameters):
        self.counts[operation] += 1
        answer = await self._call(operation, parameters)
        assert answer.get("RequestId"), f"{operation}: no RequestId in {answer}"
        return answer

    async def refused(self, code, says, operation, **parameters):
        try:
            answer = await self.call(operation, **parameters)
        except Refused as refusal:
            assert refusal.code == code and says in refusal.message, f"{operation}: {refusal}"
            assert 400 <= refusal.status < 500, f"{operation}: {refusal.status}"
            return
        raise AssertionError(f"{operation} was not refused: {answer}")

    def sql(self, side, statements):
        ran = subprocess.run(
            self.settings[side]["client"] + ["-N", "-B", "-e", statements], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{statements}: {ran.stderr}"
        return ran.stdout.strip()

    async def until(self, what, look):
        end = time.monotonic() + DEADLINE
        while True:
            found = await look()
            if found:
                return found
            assert time.monotonic() < end, f"{what}: not within {DEADLINE} s"
            await asyncio.sleep(0.2)

    async def status(self, job, wanted):
        async def look():
            shown = await self.call("DescribeDtsJobDetail", DtsJobId=job)
            now = shown["Status"]
            if now in FAILED and now != wanted:
                precheck = await self.call("DescribePreCheckStatus", DtsJobId=job, JobCode="01")
                failed = [one for one in precheck["JobProgress"] if one["State"] == "Failed"]
                raise AssertionError(f"{job} is {now}: {shown.get('ErrorMessage')} {failed}")
            return shown if now == wanted else None

        return await self.until(f"{job} {wanted}", look)

    async def rows(self, side, count, table="item"):
        async def look():
            return self.sql(side, f"SELECT COUNT(*) FROM {self.database}.{table}") == str(count)

        await self.until(f"{count} rows of {table} at the {side}", look)

    def ends(self):
        source, target = self.settings["source"], self.settings["target"]
        return {
            "SourceEndpointInstanceType": "OTHER",
            "SourceEndpointEngineName": "MySQL",
            "SourceEndpointRegion": REGION,
            "SourceEndpointIP": source["host"],
            "SourceEndpointPort": str(source["port"]),
            "SourceEndpointUserName": source["user"],
            "SourceEndpointPassword": source["password"],
            "DestinationEndpointInstanceType": "OTHER",
            "DestinationEndpointEngineName": "MySQL",
            "DestinationEndpointRegion": REGION,
            "DestinationEndpointIP": target["host"],
            "DestinationEndpointPort": str(target["port"]),
            "DestinationEndpointUserName": target["user"],
            "DestinationEndpointPassword": target["password"],
        }

    def configuration(self, objects, name):
        return {
            **self.ends(),
            "RegionId": REGION,
            "DtsJobName": name,
            "JobType": "SYNC",
            "StructureInitialization": True,
            "DataInitialization": True,
            "DataSynchronization": True,
            "DbList": objects,
            "Reserve": '{"autoStartModulesAfterConfig": "none", "targetTableMode":"0"}',
        }

    async def run(self):
        self.sql(
            "source",
            f"CREATE DATABASE {self.database}; CREATE TABLE {self.database}.item (id INT PRIMARY KEY, what VARCHAR(40));"
            f"CREATE TABLE {self.database}.extra (id INT PRIMARY KEY);"
            f"INSERT INTO {self.database}.item VALUES (1, 'é中'), (2, 'two'); INSERT INTO {self.database}.extra VALUES (1)",
        )
        job, instance = await self.make()
        await self.look_around(job, instance)
        await self.other_objects(job)
        reverse = await self.turn_around(job)
        await self.change(job)
        await self.end(job, instance, reverse)
        await self.several()
        await self.migrate()
        await self.reset()
        print(json.dumps({"client": self.name, "operations": dict(sorted(self.counts.items()))}))

    async def make(self):
        made = await self.call(
            "CreateDtsInstance", RegionId=REGION, Type="SYNC", SourceRegion=REGION, DestinationRegion=REGION,
            SourceEndpointEngineName="MySQL", DestinationEndpointEngineName="MySQL", InstanceClass="small",
            PayType="PostPaid", Quantity=1,
        )
        assert made["Success"] == "true", made
        job, instance = made["JobId"], made["InstanceId"]
        await self.status(job, "NotConfigured")
        await self.call(
            "TagResources", RegionId=REGION, ResourceType="ALIYUN::DTS::INSTANCE", ResourceId=[instance],
            Tag=[{"Key": "client", "Value": self.name}, {"Key": "empty", "Value": ""}],
        )
        tags = await self.call(
            "ListTagResources", RegionId=REGION, ResourceType="ALIYUN::DTS::INSTANCE", ResourceId=[instance]
        )
        found = {one["TagKey"]: one.get("TagValue", "") for one in tags["TagResources"]["TagResource"]}
        assert found == {"client": self.name, "empty": ""}, found
        await self.refused("InvalidJobStatus", "not configured", "StartDtsJob", DtsJobId=job, RegionId=REGION)
        tested = await self.call("DescribeConnectionStatus", RegionId=REGION, **self.ends())
        assert tested["SourceConnectionStatus"]["connectRes"] is True, tested
        wrong = {**self.ends(), "SourceEndpointPassword": "wr ong+&=%"}
        tested = await self.call("DescribeConnectionStatus", RegionId=REGION, **wrong)
        assert tested["SourceConnectionStatus"]["connectRes"] is False, tested
        assert "wr ong" not in json.dumps(tested)
        networks = await self.call("DescribeDTSIP", SourceEndpointRegion=REGION, DestinationEndpointRegion=REGION)
        assert "/" in networks["DynamicMessage"], networks
        objects = f'{{"{self.database}": {{"name" : "{self.database}","all":false, "Table":{{"item":{{"name":"item","all":true}}}}}}}}'
        configured = await self.call(
            "ConfigureDtsJob", DtsJobId=job, DtsInstanceId=instance, **self.configuration(objects, f"{self.name} & jobs")
        )
        assert configured["Success"] == "true" and configured["DtsJobId"] == job, configured
        shown = await self.status(job, "NotStarted")
        assert shown["DbObject"] == objects, shown["DbObject"]
        assert shown["DtsJobName"] == f"{self.name} & jobs", shown
        end = shown["SourceEndpoint"]
        assert (end["Region"], end["Port"]) == (REGION, str(self.settings["source"]["port"])), end
        started = await self.call("StartDtsJob", DtsJobId=job, RegionId=REGION)
        assert started["Success"] is True, started
        await self.status(job, "Synchronizing")
        await self.rows("target", 2)
        self.sql("source", f"INSERT INTO {self.database}.item VALUES (3, 'three')")
        await self.rows("target", 3)
        return job, instance

    async def look_around(self, job, instance):
        listed = await self.call("DescribeDtsJobs", RegionId=REGION, JobType="SYNC", PageSize=200, Params=job, Type="instance")
        one = listed["DtsJobList"][0]
        assert listed["TotalRecordCount"] == 1 and one["DtsInstanceID"] == instance, listed
        assert one["ReverseJob"]["SourceEndpoint"] is not None, one
        precheck = await self.call("DescribePreCheckStatus", DtsJobId=job, JobCode="01")
        assert precheck["State"] == "Finished" and precheck["ErrorItem"] == 0, precheck
        skippable = [one["Item"] for one in precheck["JobProgress"] if one["CanSkip"]]
        await self.call("SkipPreCheck", DtsJobId=job, Skip=True, SkipPreCheckItems=json.dumps(skippable[:1]))
        await self.call("ShieldPrecheck", DtsInstanceId=instance, PrecheckItems=skippable[0])
        steps = await self.call("ListJobStep", DtsJobId=job)
        assert [step["State"] for step in steps["JobSteps"]][:3] == ["Finished"] * 3, steps
        await self.call("SummaryJobDetail", DtsJobId=job, JobCode="02")
        assert (await self.call("DescribeDtsJobConfig", DtsJobId=job))["Parameters"] == []
        logged = await self.call("DescribeDtsServiceLog", DtsJobId=job, PageSize=50)
        assert any("initialized" in line["Context"] for line in logged["ServiceLogContexts"]), logged
        await self.call("CreateJobMonitorRule", DtsJobId=job, Type="delay", State="Y", DelayRuleTime=60)
        rules = await self.call("DescribeJobMonitorRule", DtsJobId=job)
        assert rules["MonitorRules"][0]["DelayRuleTime"] == 60, rules
        points = await self.call(
            "DescribeMetricList", MetricName="delay", MetricType="NODE", Param=job, DtsJobId=job, Env="ALIYUN",
            StartTime=0, EndTime=int(time.time() * 1000) + 60_000, Period=15,
        )
        assert points["DataPoints"], points
        counted = await self.call("CountJobByCondition", Region=REGION, RegionId=REGION, JobType="SYNC")
        assert counted["TotalRecordCount"] >= 1, counted
        everything = await self.call("DescribeDtsInstances", PageNum=1, PageSize=50)
        assert instance in [one["DtsInstanceId"] for one in everything["DtsInstanceStatusList"]], everything
        shown = await self.call("DescribeDtsInstanceDetail", DtsInstanceId=instance)
        assert shown["DtsInstanceStatus"]["Status"] != "finished", shown
        await self.call("ModifyDtsJobName", DtsJobId=job, DtsJobName=f"{self.name} renamed")
        await self.refused(
            "OperationDenied", "exactly where it was", "ModifyJobStepCheckpoint", RegionId=REGION, DtsJobId=job,
            NewCheckPoint=1_700_000_000,
        )
        await self.refused("InvalidApi.NotFound", "not found", "UpgradeTwoWay", InstanceId=instance, InstanceClass="small")
        await self.refused("Forbidden.InstanceNotFound", "not found", "DescribeDtsJobDetail", DtsJobId="l3m1213ye7l0000")
        await self.refused(
            "OperationDenied", "two-way", "SuspendDtsJob", DtsJobId=job, SynchronizationDirection="Reverse"
        )

    async def other_objects(self, job):
        tables = {table: {"name": table, "all": True} for table in ("item", "extra")}
        objects = {self.database: {"name": self.database, "all": False, "Table": tables}}
        await self.call("ModifyDtsJob", DtsJobId=job, DtsInstanceId=f"dts{job}", DbList=objects)

        async def look():
            shown = await self.call("DescribeDtsJobs", JobType="SYNC", DtsJobId=job)
            one = shown["DtsJobList"][0]
            return one["Status"] == "Synchronizing" and "extra" in one["DbObject"]

        await self.until("the other objects", look)
        await self.rows("target", 1, "extra")

    async def turn_around(self, job):
        made = await self.call("CreateReverseDtsJob", DtsJobId=job)
        assert made["Success"] == "true", made
        reverse = made["DtsJobId"]
        await self.status(reverse, "Initializing")
        await self.refused("InvalidJobStatus", "pause it first", "StartReverseWriter", DtsJobId=reverse)
        await self.call("SuspendDtsJob", DtsJobId=job, RegionId=REGION)
        await self.status(job, "Suspending")
        self.sql("target", f"INSERT INTO {self.database}.item VALUES (100, 'on the other side')")
        await self.refused(
            "OperationDenied", "CheckPoint", "StartReverseWriter", DtsJobId=reverse, CheckPoint="1695613785"
        )
        started = await self.call("StartReverseWriter", DtsJobId=reverse)
        assert started["Success"] == "true", started
        await self.status(reverse, "Synchronizing")
        await self.rows("source", 4)
        await self.refused("InvalidJobStatus", "right to write", "StartDtsJob", DtsJobId=job, RegionId=REGION)
        return reverse

    async def change(self, job):
        target = self.settings["target"]
        await self.call("ModifyDtsJobPassword", DtsJobId=job, Endpoint="dest", Password=target["password"])
        await self.call(
            "ModifyDtsJobEndpoint", DtsJobId=job, Endpoint="dest", EndpointInstanceType="other", EndpointIp=target["host"],
            EndpointPort=str(target["port"]), Username=target["user"], Password=target["password"], RegionId=REGION,
        )

    async def end(self, job, instance, reverse):
        await self.call("StopDtsJob", DtsJobId=reverse, RegionId=REGION)
        await self.status(reverse, "Finished")
        await self.call("StopDtsJob", DtsJobId=job, RegionId=REGION)
        await self.status(job, "Finished")
        await self.call("StopDtsJob", DtsJobId=job, RegionId=REGION)
        await self.refused("InvalidJobStatus", "never starts again", "StartDtsJob", DtsJobId=job, RegionId=REGION)
        await self.refused("InvalidJobStatus", "has a reverse", "ResetDtsJob", DtsJobId=job, RegionId=REGION)
        await self.call("UntagResources", RegionId=REGION, ResourceType="ALIYUN::DTS::INSTANCE", ResourceId=[instance], All=True)
        for one in (reverse, job):
            await self.call("DeleteDtsJob", DtsJobId=one, RegionId=REGION)
            await self.gone(one)
        await self.refused("InvalidJobId", "not found", "DeleteSynchronizationJob", SynchronizationJobId=instance)
        both = [self.sql(side, f"SELECT * FROM {self.database}.item ORDER BY id") for side in ("source", "target")]
        assert both[0] == both[1] and len(both[0].splitlines()) == 4, both

    async def gone(self, job):
        async def look():
            try:
                await self.call("DescribeDtsJobDetail", DtsJobId=job)
            except Refused as refusal:
                assert refusal.code == "Forbidden.InstanceNotFound", refusal
                return True
            return False

        await self.until(f"{job} gone", look)

    async def several(self):
        """Configured first, bought later, and asked for by lists."""
        self.sql("source", f"CREATE TABLE {self.database}.late (id INT PRIMARY KEY, n INT); INSERT INTO {self.database}.late VALUES (1, 1), (2, 2)")
        objects = f'{{"{self.database}":{{"Table":{{"late":{{"filter":"n > 1"}}}}}}}}'
        configured = await self.call("ConfigureDtsJob", **self.configuration(objects, f"{self.name} late"))
        job = configured["DtsJobId"]
        await self.status(job, "NotStarted")
        bought = await self.call("CreateDtsInstance", RegionId=REGION, JobId=job, PayType="PostPaid")
        assert bought["InstanceId"] == configured["DtsInstanceId"], bought
        await self.call("StartDtsJobs", RegionId=REGION, DtsJobIds=job)
        await self.status(job, "Synchronizing")
        await self.rows("target", 1, "late")
        await self.call("SuspendDtsJobs", RegionId=REGION, DtsJobIds=job)
        await self.status(job, "Suspending")
        await self.call("StopDtsJobs", RegionId=REGION, DtsJobIds=job)
        await self.status(job, "Finished")
        await self.call("DeleteDtsJobs", RegionId=REGION, DtsJobIds=job)
        await self.gone(job)

    async def migrate(self):
        """A copy that ends by itself: bought first, so it goes on as soon as it is configured."""
        table = f"{self.database}.moved"
        self.sql("source", f"CREATE TABLE {table} (id INT PRIMARY KEY); INSERT INTO {table} VALUES (1), (2), (3)")
        made = await self.call("CreateDtsInstance", RegionId=REGION, Type="MIGRATION", SourceRegion=REGION, DestinationRegion=REGION, PayType="PostPaid")
        job = made["JobId"]
        objects = f'{{"{self.database}":{{"Table":{{"moved":{{}}}}}}}}'
        configuration = {
            **self.configuration(objects, f"{self.name} moves"), "JobType": "MIGRATION", "DataSynchronization": False,
            "Reserve": '{"targetTableMode":"0"}',
        }
        # By the id that the service's settings know, as the hosted service's databases are named.
        for name in ("SourceEndpointIP", "SourceEndpointPort"):
            del configuration[name]
        configuration.update(SourceEndpointInstanceType="RDS", SourceEndpointInstanceID="rm-source")
        await self.call("ConfigureDtsJob", DtsJobId=job, **configuration)
        shown = await self.status(job, "Finished")
        end = shown["SourceEndpoint"]
        assert end["InstanceID"] == "rm-source" and not end.get("Ip"), end
        await self.rows("target", 3, "moved")
        listed = await self.call("DescribeDtsJobs", DtsJobId=job)
        assert listed["DtsJobList"][0]["DataInitializationStatus"]["Status"] == "Finished", listed
        await self.call("DeleteDtsJob", DtsJobId=job, RegionId=REGION)
        await self.gone(job)

    async def reset(self):
        """Begun anew, and deleted while it runs."""
        table = f"{self.database}.anew"
        self.sql("source", f"CREATE TABLE {table} (id INT PRIMARY KEY); INSERT INTO {table} VALUES (1)")
        objects = f'{{"{self.database}":{{"Table":{{"anew":{{"dml_op":"insert,update,delete"}}}}}}}}'
        configuration = self.configuration(objects, f"{self.name} anew")
        job = (await self.call("ConfigureDtsJob", **configuration))["DtsJobId"]
        await self.call("StartDtsJob", DtsJobId=job, RegionId=REGION)
        await self.status(job, "Synchronizing")
        await self.refused("InvalidJobStatus", "pause it first", "ResetDtsJob", DtsJobId=job, RegionId=REGION)
        await self.call("SuspendDtsJob", DtsJobId=job, RegionId=REGION)
        await self.status(job, "Suspending")
        await self.call("ResetDtsJob", DtsJobId=job, RegionId=REGION)
        await self.status(job, "NotConfigured")
        await self.until("the reset", self.dropped)
        await self.refused("InvalidJobStatus", "ConfigureDtsJob", "StartDtsJob", DtsJobId=job, RegionId=REGION)
        await self.call("ConfigureDtsJob", DtsJobId=job, **configuration)
        await self.call("StartDtsJob", DtsJobId=job, RegionId=REGION)
        await self.status(job, "Synchronizing")
        await self.rows("target", 1, "anew")
        await self.call("DeleteDtsJob", DtsJobId=job, RegionId=REGION)
        await self.gone(job)

    async def dropped(self):
        question = f"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{self.database}' AND table_name = 'anew'"
        return self.sql("target", question) == "0"
