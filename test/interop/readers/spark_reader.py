"""Spark with the Iceberg runtime as an outside reader: tables are named in a catalog, or registered from their metadata file in a
catalog kept in memory, which writes nothing beside them. One session serves all requests, because starting it takes seconds. See protocol.py.

Spark has no type for Iceberg's `time`: it refuses a table that has such a column, so those tables are for PyIceberg alone.
Usage: spark_reader.py <folder of jars>
"""
import hashlib
import json
import os
import sys
import tempfile
import time

from protocol import claim_stdout, serve

answers = claim_stdout()
os.environ["TZ"] = "UTC"  # PySpark returns timestamptz in the process's zone
time.tzset()

import pyspark
from pyspark.sql import SparkSession

from canonical import FILE_COLUMNS, MANIFEST_COLUMNS, PARTITION_COLUMNS, encode, metadata_rows, normalize_schema

scratch = tempfile.TemporaryDirectory(prefix="outside-reader-spark-")
spark = (
    SparkSession.builder.master("local[2]")
    # On the driver's own class path, where java.sql finds the SQLite driver; a local master has no other executor.
    .config("spark.driver.extraClassPath", os.path.join(sys.argv[1], "*"))
    .config("spark.driver.memory", "1g")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .config("spark.local.dir", scratch.name)
    .config("spark.sql.warehouse.dir", scratch.name)
    .config("spark.sql.shuffle.partitions", "1")
    .config("spark.sql.session.timeZone", "UTC")
    # Plan metrics are read off the plan that ran, which adaptive execution would hide.
    .config("spark.sql.adaptive.enabled", "false")
    .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
jvm = spark._jvm
registered = {}


def table_name(request):
    """By a catalog, or the name under which the metadata file is registered; the same file is registered once."""
    if request.get("catalog"):
        return f"{named_catalog(request['catalog'])}.{request['table']}"
    location, catalog = request["metadata"], catalog_for(request.get("s3"))
    key = (catalog, location)
    if key not in registered:
        name = f"t{len(registered)}"
        spark.sql(f"CALL {catalog}.system.register_table(table => 'read.{name}', metadata_file => '{location}')").collect()
        registered[key] = f"{catalog}.read.{name}"
    return registered[key]


def named(kind, access):
    return kind + "_" + hashlib.sha256(json.dumps(access, sort_keys=True).encode()).hexdigest()[:12]


def named_catalog(access):
    name = named("catalog", access)
    prefix = f"spark.sql.catalog.{name}"
    if spark.conf.get(prefix, None) is None:
        settings = {
            "": "org.apache.iceberg.spark.SparkCatalog",
            # Tables are loaded anew by every query, so that a test sees the snapshot of its moment.
            ".cache-enabled": "false",
        }
        settings |= catalog_settings(access) | s3_settings(access.get("s3"))
        for key, value in settings.items():
            spark.conf.set(prefix + key, value)
    return name


def catalog_settings(access):
    glue = access.get("glue")
    if glue is None:
        return {".type": "rest"} | {f".{key}": access[key] for key in ("uri", "warehouse", "token") if access.get(key)}
    # The client of Glue has no keys of its own, but takes those of the process.
    jvm.java.lang.System.setProperty("aws.accessKeyId", glue["accessKeyId"])
    jvm.java.lang.System.setProperty("aws.secretAccessKey", glue["secretAccessKey"])
    return {".type": "glue", ".glue.endpoint": glue["endpoint"], ".io-impl": "org.apache.iceberg.aws.s3.S3FileIO"}


def s3_settings(s3):
    return {} if s3 is None else {
        ".s3.endpoint": s3["endpoint"],
        ".s3.access-key-id": s3["accessKeyId"],
        ".s3.secret-access-key": s3["secretAccessKey"],
        ".s3.path-style-access": "true",
        ".client.region": s3["region"],
    }


def catalog_for(s3):
    name = "files" if s3 is None else named("s3", s3)
    prefix = f"spark.sql.catalog.{name}"
    if spark.conf.get(prefix, None) is None:
        settings = {
            "": "org.apache.iceberg.spark.SparkCatalog",
            # Iceberg's InMemoryCatalog would look for the files in memory too, and knows no other FileIO.
            ".catalog-impl": "org.apache.iceberg.jdbc.JdbcCatalog",
            ".uri": f"jdbc:sqlite:file:{name}?mode=memory&cache=shared",
            ".warehouse": scratch.name,
            ".io-impl": "org.apache.iceberg.io.ResolvingFileIO",
        }
        settings |= s3_settings(s3)
        for key, value in settings.items():
            spark.conf.set(prefix + key, value)
        spark.sql(f"CREATE NAMESPACE {name}.read")
    return name


def load_table(request):
    return jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(spark._jsparkSession, table_name(request))


def schema_fields(table, request):
    snapshot_id = request.get("snapshotId")
    schema = (
        jvm.org.apache.iceberg.util.SnapshotUtil.schemaFor(table, int(snapshot_id)) if snapshot_id else table.schema()
    )
    return normalize_schema(json.loads(jvm.org.apache.iceberg.SchemaParser.toJson(schema)))


def describe(request):
    table = load_table(request)
    metadata = table.operations().current()
    current = table.currentSnapshot()
    return {
        "formatVersion": metadata.formatVersion(),
        "tableUuid": str(metadata.uuid()),
        "location": metadata.location(),
        "schema": schema_fields(table, {}),
        "partitionSpecs": [json.loads(jvm.org.apache.iceberg.PartitionSpecParser.toJson(s)) for s in metadata.specs()],
        "properties": dict(metadata.properties()),
        "currentSnapshotId": None if current is None else str(current.snapshotId()),
        "snapshots": [
            {
                "snapshotId": str(s.snapshotId()),
                "parentSnapshotId": None if s.parentId() is None else str(s.parentId()),
                "sequenceNumber": s.sequenceNumber(),
                "timestampMs": s.timestampMillis(),
                "manifestList": s.manifestListLocation(),
                "summary": {"operation": s.operation(), **dict(s.summary())},
            }
            for s in metadata.snapshots()
        ],
        "rowCount": spark.table(table_name(request)).count(),
    }


def frame(request):
    reader = spark.read
    if request.get("snapshotId"):
        reader = reader.option("snapshot-id", request["snapshotId"])
    return reader.table(table_name(request))


def scan(request):
    """With a filter, `unprunedRows` holds what the same predicate leaves of a full scan that was materialised before filtering."""
    fields = schema_fields(load_table(request), request)
    filtered = frame(request).where(request["filter"]) if request.get("filter") else frame(request)
    wanted = selection(filtered, fields, request)
    result = {"rows": canonical_rows(wanted, fields), "plannedFiles": planned_files(wanted)}
    if request.get("filter"):
        whole = materialised(request).where(request["filter"])
        result["unprunedRows"] = canonical_rows(selection(whole, fields, request), fields)
    return result


whole_tables = {}


def materialised(request):
    """The whole table, read once for the filters that are tried on it one after another; only the last one is kept."""
    key = (table_name(request), request.get("snapshotId"))
    if key not in whole_tables:
        whole_tables.clear()
        whole_tables[key] = frame(request).localCheckpoint(eager=True)
    return whole_tables[key]


def selection(data, fields, request):
    if request.get("orderBy"):
        data = data.orderBy(*request["orderBy"])
    return data.select(*[f["name"] for f in fields if request.get("columns") is None or f["name"] in request["columns"]])


def canonical_rows(data, fields):
    wanted = [f for f in fields if f["name"] in data.columns]
    return [{f["name"]: encode(f["type"], row[f["name"]]) for f in wanted} for row in data.collect()]


def planned_files(collected):
    """Data files left after manifest and statistics pruning, as the Iceberg scan node of the plan that was collected reports them."""
    plan = collected._jdf.queryExecution().executedPlan()
    leaves = plan.collectLeaves()
    metrics = [leaves.apply(at).metrics().get("resultDataFiles") for at in range(leaves.size())]
    return sum(int(metric.get().value()) for metric in metrics if metric.isDefined())


def count(request):
    data = frame(request)
    return (data.where(request["filter"]) if request.get("filter") else data).count()


def inspect(request):
    return {
        "files": metadata_table(request, "files", FILE_COLUMNS),
        "manifests": metadata_table(request, "manifests", MANIFEST_COLUMNS),
        "partitions": metadata_table(request, "partitions", PARTITION_COLUMNS),
    }


def metadata_table(request, table, names):
    """Only the columns asked for: `readable_metrics` fails in the Iceberg runtime when a uuid column has bounds."""
    data = spark.table(f"{table_name(request)}.{table}")
    rows = data.select(*[name for name in names if name in data.columns]).collect()
    return metadata_rows([row.asDict(recursive=True) for row in rows], names)


def execute(request):
    """SQL in which `{catalog}` stands for the catalog, for tables that Spark itself makes there."""
    catalog = named_catalog(request["catalog"])
    for statement in request["statements"]:
        spark.sql(statement.replace("{catalog}", catalog)).collect()


if __name__ == "__main__":
    versions = {"spark": pyspark.__version__, "iceberg": jvm.org.apache.iceberg.IcebergBuild.version()}
    operations = {"describe": describe, "scan": scan, "count": count, "inspect": inspect, "execute": execute}
    serve(answers, versions, operations)
    spark.stop()
