"""PyIceberg as an outside reader: tables are opened from their metadata file alone, or by name in a catalog. See protocol.py."""
import json

from protocol import claim_stdout, serve

answers = claim_stdout()

import pyarrow
import pyarrow.compute
import pyarrow.fs
import pyarrow.parquet
import pyiceberg
from pyiceberg.catalog import load_catalog
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.expressions.parser import parse
from pyiceberg.expressions.visitors import bind
from pyiceberg.io.pyarrow import expression_to_pyarrow
from pyiceberg.table import StaticTable

from canonical import FILE_COLUMNS, MANIFEST_COLUMNS, PARTITION_COLUMNS, encode, metadata_rows, normalize_schema


def open_table(request):
    if request.get("catalog"):
        return open_catalog(request["catalog"]).load_table(request["table"])
    return StaticTable.from_metadata(request["metadata"], s3_properties(request.get("s3")))


catalogs = {}


def open_catalog(access):
    """One client per catalog, as a program that reads many tables would have; every request loads its table anew."""
    key = json.dumps(access, sort_keys=True)
    if key not in catalogs:
        catalogs[key] = load_catalog("tidewater", **catalog_properties(access), **s3_properties(access.get("s3")))
    return catalogs[key]


def catalog_properties(access):
    glue = access.get("glue")
    if glue is None:
        return {"type": "rest"} | {name: access[name] for name in ("uri", "warehouse", "token") if access.get(name)}
    return {
        "type": "glue",
        "glue.endpoint": glue["endpoint"],
        "glue.access-key-id": glue["accessKeyId"],
        "glue.secret-access-key": glue["secretAccessKey"],
        "glue.region": glue["region"],
    }


def s3_properties(s3):
    return {} if s3 is None else {
        "s3.endpoint": s3["endpoint"],
        "s3.access-key-id": s3["accessKeyId"],
        "s3.secret-access-key": s3["secretAccessKey"],
        "s3.region": s3["region"],
    }


def schema_json(schema):
    return json.loads(schema.model_dump_json())


def describe(request):
    table = open_table(request)
    metadata = table.metadata
    current = table.current_snapshot()
    return {
        "formatVersion": metadata.format_version,
        "tableUuid": str(metadata.table_uuid),
        "location": metadata.location,
        "schema": normalize_schema(schema_json(table.schema())),
        "partitionSpecs": [json.loads(spec.model_dump_json()) for spec in metadata.partition_specs],
        "properties": dict(metadata.properties),
        "currentSnapshotId": None if current is None else str(current.snapshot_id),
        "snapshots": [
            {
                "snapshotId": str(s.snapshot_id),
                "parentSnapshotId": None if s.parent_snapshot_id is None else str(s.parent_snapshot_id),
                "sequenceNumber": s.sequence_number,
                "timestampMs": s.timestamp_ms,
                "manifestList": s.manifest_list,
                "summary": {"operation": s.summary.operation.value, **s.summary.additional_properties},
            }
            for s in table.snapshots()
        ],
        "rowCount": table.scan().count(),
    }


def scan(request):
    """With a filter, `unprunedRows` holds what the same predicate leaves of a full scan, evaluated by Arrow without any pruning."""
    table = open_table(request)
    snapshot_id = int(request["snapshotId"]) if request.get("snapshotId") else None
    condition = parse(request["filter"]) if request.get("filter") else AlwaysTrue()
    pruned = table.scan(row_filter=condition, snapshot_id=snapshot_id)
    fields = normalize_schema(schema_json(pruned.projection()))
    rows_of = lambda arrow: canonical_rows(arrow, fields, request)
    result = {"rows": rows_of(pruned.to_arrow()), "plannedFiles": sum(1 for _ in pruned.plan_files())}
    if request.get("filter"):
        schema = pruned.projection()
        predicate = expression_to_pyarrow(bind(schema, condition, case_sensitive=True), schema)
        result["unprunedRows"] = rows_of(whole_table(request, table, snapshot_id).filter(predicate))
    return result


whole_tables = {}


def whole_table(request, table, snapshot_id):
    """The whole table, read once for the filters that are tried on it one after another; only the last one is kept."""
    key = (table.metadata_location, snapshot_id)
    if key not in whole_tables:
        whole_tables.clear()
        whole_tables[key] = table.scan(snapshot_id=snapshot_id).to_arrow()
    return whole_tables[key]


def canonical_rows(arrow, fields, request):
    order = request.get("orderBy") or []
    if order:
        # Nulls first, as Spark orders them.
        keys = [(name, "ascending", "at_start") for name in order]
        arrow = arrow.take(pyarrow.compute.sort_indices(arrow, sort_keys=keys))
    wanted = [f for f in fields if request.get("columns") is None or f["name"] in request["columns"]]
    columns = [[encode(f["type"], value) for value in arrow.column(f["name"]).to_pylist()] for f in wanted]
    names = [f["name"] for f in wanted]
    return [dict(zip(names, values)) for values in zip(*columns)]


def count(request):
    snapshot_id = int(request["snapshotId"]) if request.get("snapshotId") else None
    condition = parse(request["filter"]) if request.get("filter") else AlwaysTrue()
    return open_table(request).scan(row_filter=condition, snapshot_id=snapshot_id).count()


def inspect(request):
    table = open_table(request)
    return {
        "files": metadata_rows(live_files(table), FILE_COLUMNS),
        "manifests": metadata_rows(table.inspect.manifests().to_pylist(), MANIFEST_COLUMNS),
        "partitions": metadata_rows(table.inspect.partitions().to_pylist(), PARTITION_COLUMNS),
    }


def live_files(table):
    """From the manifests' entries: `inspect.files()` fails on tables with a uuid column (PyIceberg 0.12, pyarrow 26)."""
    snapshot = table.current_snapshot()
    for manifest in snapshot.manifests(table.io) if snapshot else []:
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
            file = entry.data_file
            yield {name: getattr(file, name) for name in FILE_COLUMNS if name != "partition"}


def parquet(request):
    """Per data file, the leaves as Parquet's footer declares them: what PyIceberg projects by, not what the metadata claims."""
    table = open_table(request)
    files = []
    for task in table.scan().plan_files():
        with table.io.new_input(task.file.file_path).open() as source:
            footer = pyarrow.parquet.ParquetFile(source)
            leaves = footer.schema
            ids = field_ids(footer.schema_arrow)
            files.append({
                "path": task.file.file_path,
                "rowCount": footer.metadata.num_rows,
                "rowGroups": footer.metadata.num_row_groups,
                "fieldIds": ids,
                "leaves": [
                    {
                        "path": leaves.column(at).path,
                        "physicalType": leaves.column(at).physical_type,
                        "logicalType": str(leaves.column(at).logical_type),
                        "maxDefinitionLevel": leaves.column(at).max_definition_level,
                    }
                    for at in range(len(leaves))
                ],
            })  # fmt: skip
    return files


def field_ids(arrow_schema):
    """Arrow path (`a.element.b`) to field id, at every level; -1 where the file gives none."""
    found = {}

    def visit(field, path):
        found[path] = int((field.metadata or {}).get(b"PARQUET:field_id", b"-1"))
        kind = field.type
        if pyarrow.types.is_struct(kind):
            for child in kind:
                visit(child, f"{path}.{child.name}")
        elif pyarrow.types.is_map(kind):
            visit(kind.key_field, f"{path}.key")
            visit(kind.item_field, f"{path}.value")
        elif pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind):
            visit(kind.value_field, f"{path}.element")

    for field in arrow_schema:
        visit(field, field.name)
    return found


if __name__ == "__main__":
    versions = {"pyiceberg": pyiceberg.__version__, "pyarrow": pyarrow.__version__}
    operations = {"describe": describe, "scan": scan, "count": count, "inspect": inspect, "parquet": parquet}
    serve(answers, versions, operations)
