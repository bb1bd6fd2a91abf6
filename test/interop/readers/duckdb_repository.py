"""Lays DuckDB's extensions out of PyPI as the repository that its INSTALL asks, in the folder that is named."""
import gzip
import importlib.resources
import pathlib
import sys

import duckdb

for name in ("httpfs", "avro", "aws", "iceberg"):
    package = importlib.resources.files(f"duckdb_extension_{name}")
    source = package / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    ((platform,),) = duckdb.sql("PRAGMA platform").fetchall()
    target = pathlib.Path(sys.argv[1]) / f"v{duckdb.__version__}" / platform
    target.mkdir(parents=True, exist_ok=True)
    with gzip.open(target / f"{name}.duckdb_extension.gz", "wb", compresslevel=1) as out:
        out.write(source.read_bytes())
