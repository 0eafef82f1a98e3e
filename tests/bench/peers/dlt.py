"""dlt: its declarative REST source, merging on the key.

Settings as in performance.md, section 1: two workers to normalise, files of 25,000 rows, no
compression; CSV by COPY and the `upsert` strategy on PostgreSQL. On SQLite the same durability as
ours: write-ahead logging, synchronous NORMAL.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any
from urllib.parse import quote

from sqlalchemy import create_engine, event, make_url

from tests.bench import cases
from tests.bench.scene import Scene

SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "NORMALIZE__WORKERS": "2",
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
    "EXTRACT__DATA_WRITER__DISABLE_COMPRESSION": "true",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
    "DATA_WRITER__FILE_MAX_ITEMS": "25000",
}


def into_postgresql(scene: Scene) -> None:
    """Into PostgreSQL by CSV, COPY and upsert."""
    import psycopg

    _set_up(scene)
    destination = import_module("dlt.destinations").postgres(credentials=_with_host(scene.url))
    pipeline = _pipeline(scene, destination)
    with scene.timed("full", scene.count):
        pipeline.run(_source(scene, "upsert"), loader_file_format="csv")
    with psycopg.connect(scene.url) as raw:
        _check(scene, raw.execute(_COUNT).fetchone())


def into_sqlite(scene: Scene) -> None:
    """Into SQLite, through its SQLAlchemy destination."""
    import sqlite3

    _set_up(scene)
    engine = create_engine(f"sqlite:///{scene.folder / 'dlt.db'}")

    @event.listens_for(engine, "connect")
    def _durable_as_ours(raw: Any, _: object) -> None:
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA synchronous = NORMAL")
        raw.execute("PRAGMA cache_size = -65536")

    destination = import_module("dlt.destinations").sqlalchemy(credentials=engine)
    pipeline = _pipeline(scene, destination)
    with scene.timed("full", scene.count):
        pipeline.run(_source(scene, "delete-insert"))
    with sqlite3.connect(scene.folder / "dlt__bench.db") as raw:
        _check(scene, raw.execute(_COUNT.replace("bench.", "")).fetchone())


_COUNT = "SELECT count(*), count(DISTINCT id), count(billing_address__city) FROM bench.cases"


def _set_up(scene: Scene) -> None:
    os.environ |= SETTINGS | {"DLT_DATA_DIR": str(scene.folder), "HOME": str(scene.folder)}


def _pipeline(scene: Scene, destination: Any) -> Any:
    return import_module("dlt").pipeline(
        "bench", pipelines_dir=str(scene.folder / "pipelines"), destination=destination,
        dataset_name="bench",
    )  # fmt: skip


def _source(scene: Scene, strategy: str) -> Any:
    return import_module("dlt.sources.rest_api").rest_api_source(
        {
            "client": {
                "base_url": f"{scene.source}/first/Case/",
                "paginator": {"type": "header_link", "links_next_key": "next"},
            },
            "resources": [
                {
                    "name": "cases",
                    "endpoint": {"path": "0", "data_selector": "records"},
                    "primary_key": "Id",
                    "write_disposition": {"disposition": "merge", "strategy": strategy},
                }
            ],
        }
    )


def _with_host(url: str) -> str:
    """The address as dlt wants it: with a host, which for a unix socket is its folder."""
    found = make_url(url)
    folder = quote(str(found.query["host"]), safe="")
    return f"postgresql://{found.username}:none@{folder}/{found.database}"


def _check(scene: Scene, found: Any) -> None:
    assert tuple(found) == (scene.count,) * 3, f"{found}, not {scene.count} cases with a city"
    assert scene.count <= cases.PAGE * cases.pages(scene.count)
