"""Makes a partitioned table of every type in the folder named by argv[1], with PyIceberg as the writer, in three snapshots.
Prints the location of its metadata file. The readers are proved against it before they judge anything of ours.
Argument 2 is `with-time` or `without-time`: Spark cannot read Iceberg's `time`.
"""
import datetime
import decimal
import sys
import uuid

import pyarrow as pa
from pyiceberg.catalog.memory import InMemoryCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform
from pyiceberg.types import (
    BinaryType, BooleanType, DateType, DecimalType, DoubleType, FixedType, FloatType, IntegerType, ListType, LongType, MapType,
    NestedField, StringType, StructType, TimestampType, TimestamptzType, TimeType, UUIDType,
)  # fmt: skip

warehouse, with_time = sys.argv[1], sys.argv[2] == "with-time"
UTC = datetime.timezone.utc

point = StructType(NestedField(30, "x", DoubleType(), required=True), NestedField(31, "label", StringType()))
fields = [
    NestedField(1, "id", LongType(), required=True),
    NestedField(2, "b", BooleanType()),
    NestedField(3, "i", IntegerType()),
    NestedField(4, "f", FloatType()),
    NestedField(5, "d", DoubleType()),
    NestedField(6, "amount", DecimalType(38, 10)),
    NestedField(7, "day", DateType()),
    NestedField(8, "ts", TimestampType()),
    NestedField(9, "tz", TimestamptzType()),
    NestedField(10, "s", StringType()),
    NestedField(11, "u", UUIDType()),
    NestedField(12, "fx", FixedType(4)),
    NestedField(13, "bin", BinaryType()),
    NestedField(14, "point", point),
    NestedField(15, "points", ListType(32, point, element_required=False)),
    NestedField(16, "counts", MapType(33, StringType(), 34, LongType(), value_required=False)),
] + ([NestedField(17, "t", TimeType())] if with_time else [])
schema = Schema(*fields)

full = {
    "id": 9007199254740993, "b": True, "i": -(2**31), "f": 0.1, "d": float("nan"), "amount": decimal.Decimal("-1234567890123456789012345678.0123456789"),
    "day": datetime.date(1969, 12, 31), "ts": datetime.datetime(1969, 12, 31, 23, 59, 59, 999999), "tz": datetime.datetime(2026, 2, 3, 4, 5, 6, 7, UTC),
    "s": "Größe 🧊", "u": uuid.UUID("f79c3e09-677c-4bbd-a479-3f349cb785e7").bytes, "fx": b"\x00\xff\x01\x02", "bin": b"",
    "point": {"x": 1.5, "label": None}, "points": [{"x": float("inf"), "label": "a"}, None], "counts": [("b", 2**60), ("a", None)],
}  # fmt: skip
empty = {name: None for name in full} | {"id": 2}
later = full | {"id": 3, "i": 5, "d": -0.5, "s": "third", "tz": datetime.datetime(2026, 2, 4, 0, 0, 0, 0, UTC), "points": [], "counts": []}
if with_time:
    full["t"], empty["t"], later["t"] = datetime.time(23, 59, 59, 999999), None, datetime.time(0, 0)

catalog = InMemoryCatalog("made", warehouse=warehouse)
catalog.create_namespace("n")
by_day = PartitionSpec(PartitionField(source_id=9, field_id=1000, transform=DayTransform(), name="tz_day"))
table = catalog.create_table("n.t", schema, partition_spec=by_day)
arrow_schema = table.schema().as_arrow()
for row in (full, empty, later):
    table.append(pa.Table.from_pylist([row], schema=arrow_schema))
print(table.metadata_location)
