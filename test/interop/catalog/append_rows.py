"""Makes a table in a REST catalog with PyIceberg and appends to it: one row a snapshot. Argument 1 is JSON: the catalog's properties, the
table's name in parts, and how many snapshots. Prints its place, its uuid and the ids of its snapshots as JSON.
"""
import json
import sys

import pyarrow as pa
from pyiceberg.catalog import load_catalog
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField

request = json.loads(sys.argv[1])
catalog = load_catalog("smoke", type="rest", **request["properties"])
*namespace, name = request["table"]
catalog.create_namespace_if_not_exists(tuple(namespace))
table = catalog.create_table((*namespace, name), Schema(NestedField(1, "id", LongType())))
for row in range(request["snapshots"]):
    table.append(pa.table({"id": pa.array([row], pa.int64())}))
snapshots = [str(entry.snapshot_id) for entry in table.history()]
print(json.dumps({"location": table.location(), "uuid": str(table.metadata.table_uuid), "snapshots": snapshots}))
