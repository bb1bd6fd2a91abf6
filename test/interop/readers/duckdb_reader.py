"""DuckDB with its iceberg extension: tables by name in a REST catalog. See protocol.py.

Extensions come from PyPI, as DuckDB's own servers may be out of reach, and are loaded by path: nothing is installed in the home folder.
"""
import hashlib
import importlib.resources
import json

from protocol import claim_stdout, serve

answers = claim_stdout()

import duckdb
import pyarrow

from canonical import encode

db = duckdb.connect()
for name in ("httpfs", "avro", "iceberg"):
    package = importlib.resources.files(f"duckdb_extension_{name}")
    db.execute(f"LOAD '{package / 'extensions' / f'v{duckdb.__version__}' / f'{name}.duckdb_extension'}'")
db.execute("SET TimeZone = 'UTC'")
attached = {}


def attach(access):
    name = "rest_" + hashlib.sha256(json.dumps(access, sort_keys=True).encode()).hexdigest()[:12]
    if name not in attached:
        options = {"TYPE": "iceberg", "ENDPOINT": quote(access["uri"])}
        if access.get("token"):
            db.execute(f"CREATE SECRET {name} (TYPE iceberg, TOKEN {quote(access['token'])})")
            options["SECRET"] = name
        else:
            options["AUTHORIZATION_TYPE"] = quote("none")
        s3 = access.get("s3")
        if s3:
            host = s3["endpoint"].removeprefix("http://")
            db.execute(
                f"CREATE SECRET {name}_files (TYPE s3, ENDPOINT {quote(host)}, USE_SSL false, URL_STYLE 'path', "
                f"KEY_ID {quote(s3['accessKeyId'])}, SECRET {quote(s3['secretAccessKey'])}, REGION {quote(s3['region'])})"
            )
            options["ACCESS_DELEGATION_MODE"] = quote("none")
        listed = ", ".join(f"{key} {value}" for key, value in options.items())
        db.execute(f"ATTACH {quote(access.get('warehouse') or '')} AS {name} ({listed})")
        attached[name] = True
    return name


def quote(text):
    return "'" + text.replace("'", "''") + "'"


def table_name(request):
    """A namespace inside another is one name of DuckDB's, `"a.b"`."""
    *namespace, table = request["table"].split(".")
    return f'{attach(request["catalog"])}."{".".join(namespace)}"."{table}"'


def source(request):
    travel = f" AT (VERSION => {int(request['snapshotId'])})" if request.get("snapshotId") else ""
    where = f" WHERE {request['filter']}" if request.get("filter") else ""
    return f"FROM {table_name(request)}{travel}{where}"


def scan(request):
    columns = ", ".join(f'"{name}"' for name in request["columns"]) if request.get("columns") else "*"
    order = " ORDER BY " + ", ".join(f"{name} NULLS FIRST" for name in request["orderBy"]) if request.get("orderBy") else ""
    statement = f"SELECT {columns} {source(request)}{order}"
    found = db.execute(statement).to_arrow_table()
    kinds = {field.name: iceberg_type(field.type) for field in found.schema}
    rows = [{name: encode(kinds[name], value) for name, value in row.items()} for row in found.to_pylist()]
    return {"rows": rows, "plannedFiles": planned_files(statement)}


def iceberg_type(kind):
    """The Iceberg type that DuckDB maps to this Arrow type; enough of it for `encode`."""
    types = pyarrow.types
    if types.is_struct(kind):
        return {"type": "struct", "fields": [{"name": f.name, "type": iceberg_type(f.type)} for f in kind]}
    if types.is_map(kind):
        return {"type": "map", "key": iceberg_type(kind.key_type), "value": iceberg_type(kind.item_type)}
    if types.is_list(kind) or types.is_large_list(kind):
        return {"type": "list", "element": iceberg_type(kind.value_type)}
    if types.is_timestamp(kind):
        return "timestamp" if kind.tz is None else "timestamptz"
    if types.is_decimal(kind):
        return "decimal"
    if types.is_time(kind):
        return "time"
    if types.is_date(kind):
        return "date"
    simple = {"bool": "boolean", "int32": "int", "int64": "long", "float": "float", "double": "double", "string": "string", "binary": "binary"}
    return simple[str(kind).removeprefix("large_")]


def planned_files(statement):
    """Data files that its scans opened, as DuckDB's own profile of the query reports them."""
    ((_, profile),) = db.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}").fetchall()
    return files_read(json.loads(profile))


def files_read(node):
    own = int(node.get("extra_info", {}).get("Total Files Read", 0))
    return own + sum(files_read(child) for child in node.get("children", []))


def count(request):
    return db.execute(f"SELECT count(*) {source(request)}").fetchone()[0]


def snapshots(request):
    # As text, or the function takes a name with dots for that of a file.
    source = f"iceberg_snapshots({quote(table_name(request))})"
    found = db.execute(f"SELECT snapshot_id FROM {source} ORDER BY sequence_number").fetchall()
    return [str(snapshot_id) for (snapshot_id,) in found]


if __name__ == "__main__":
    serve(answers, {"duckdb": duckdb.__version__}, {"scan": scan, "count": count, "snapshots": snapshots})
