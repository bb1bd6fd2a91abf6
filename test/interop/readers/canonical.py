"""One JSON form for schemas and values, so that what two readers return can be compared as text.

Values by Iceberg type: boolean, int and string as they are; long, and decimal with its scale, as strings; float and double as numbers,
or "NaN", "Infinity", "-Infinity"; date, time, timestamp and timestamptz in ISO 8601 with six fraction digits, timestamptz in UTC with
"+00:00"; uuid as text; fixed and binary as hex; a struct as an object by field name; a list as an array; a map as an array of
[key, value] pairs sorted by the key's JSON text.
"""
import collections.abc
import datetime
import decimal
import json
import math
import uuid

UTC = datetime.timezone.utc


def normalize_schema(struct):
    """A spec-JSON struct with only what defines columns: ids, names, required, types."""
    return [
        {"id": f["id"], "name": f["name"], "required": f["required"], "type": _normalize_type(f["type"])}
        for f in struct["fields"]
    ]


def _normalize_type(kind):
    if isinstance(kind, str):
        return kind.replace(" ", "")
    if kind["type"] == "struct":
        return {"type": "struct", "fields": normalize_schema(kind)}
    if kind["type"] == "list":
        return {
            "type": "list",
            "element-id": kind["element-id"],
            "element-required": kind["element-required"],
            "element": _normalize_type(kind["element"]),
        }
    return {
        "type": "map",
        "key-id": kind["key-id"],
        "key": _normalize_type(kind["key"]),
        "value-id": kind["value-id"],
        "value-required": kind["value-required"],
        "value": _normalize_type(kind["value"]),
    }


def encode(kind, value):
    """`value` as a reader returned it, in the canonical form of its normalized Iceberg type."""
    if value is None:
        return None
    if not isinstance(kind, str):
        return _encode_nested(kind, value)
    if kind in ("boolean", "int", "string"):
        return value
    if kind == "long":
        return str(int(value))
    if kind in ("float", "double"):
        return _encode_float(value)
    if kind.startswith("decimal"):
        return format(value, "f")
    if kind == "date":
        return value.isoformat()
    if kind == "time":
        return value.isoformat(timespec="microseconds")
    if kind == "timestamp":
        return value.isoformat(timespec="microseconds")
    if kind == "timestamptz":
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(timespec="microseconds")
    if kind == "uuid":
        return str(uuid.UUID(bytes=bytes(value)) if isinstance(value, (bytes, bytearray)) else value)
    if kind == "binary" or kind.startswith("fixed"):
        return bytes(value).hex()
    raise ValueError(f"no canonical form for Iceberg type {kind}")


def _encode_nested(kind, value):
    if kind["type"] == "struct":
        return {f["name"]: encode(f["type"], value[f["name"]]) for f in kind["fields"]}
    if kind["type"] == "list":
        return [encode(kind["element"], item) for item in value]
    items = value.items() if isinstance(value, dict) else value
    pairs = [[encode(kind["key"], key), encode(kind["value"], item)] for key, item in items]
    return sorted(pairs, key=lambda pair: json.dumps(pair[0], sort_keys=True))


def _encode_float(value):
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def plain(value):
    """Metadata-table values, whose Iceberg types are not at hand, by their Python type. All integers become strings."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _encode_float(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, (datetime.date, datetime.time, uuid.UUID)):
        return value.isoformat() if hasattr(value, "isoformat") else str(value)
    if isinstance(value, collections.abc.Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    raise ValueError(f"no canonical form for a {type(value).__name__}")


def metadata_rows(rows, names):
    """The named columns of a metadata table; maps given as pairs become objects by key. Absent columns are left out."""
    return [{name: plain(_as_object(row[name])) for name in names if name in row} for row in rows]


def _as_object(value):
    pairs = isinstance(value, list) and value and all(isinstance(item, tuple) and len(item) == 2 for item in value)
    return dict(value) if pairs else value


FILE_COLUMNS = (
    "content", "file_path", "spec_id", "partition", "record_count", "file_size_in_bytes", "column_sizes", "value_counts",
    "null_value_counts", "nan_value_counts", "lower_bounds", "upper_bounds", "split_offsets", "sort_order_id",
)  # fmt: skip
MANIFEST_COLUMNS = (
    "path", "length", "partition_spec_id", "added_snapshot_id", "added_data_files_count", "existing_data_files_count",
    "deleted_data_files_count",
)  # fmt: skip
PARTITION_COLUMNS = ("partition", "spec_id", "record_count", "file_count")
