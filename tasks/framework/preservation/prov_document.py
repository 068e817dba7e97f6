"""Records of tasks as a W3C PROV document: files, runs, code, images, and how they hang together.

https://www.w3.org/TR/prov-dm/: a file is an entity, a run of a task an activity, the code at its
commit the agent that is responsible; an image is an entity that a run used.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from prov.constants import PROV_LOCATION, PROV_TYPE
from prov.model import ProvDocument

NAMESPACE = "urn:vhbb-law:"
FILE, RUN, CODE, IMAGE = "file", "run", "code", "image"

Record = Mapping[str, Any]
Attributes = dict[Any, Any]


def prov_document(records: Sequence[Record]) -> ProvDocument:
    """The document of records of tasks, see `tasks.framework.provenance.record`."""
    document = ProvDocument()
    document.add_namespace("vhbb", NAMESPACE)
    for record in records:
        _add_run(document, record)
    unified: ProvDocument = document.unified()
    return unified


def _add_run(document: ProvDocument, record: Record) -> None:
    start = dt.datetime.fromisoformat(record["started"])
    end = start + dt.timedelta(seconds=record["seconds"])
    told = [(output["uri"], output["adler32"]) for output in record["outputs"]]
    run = document.activity(
        _identifier(RUN, record["task"], record["parameters"], told, record["started"]),
        start,
        end,
        {
            PROV_TYPE: f"vhbb:{record['task']}",
            "vhbb:parameters": json.dumps(record["parameters"], sort_keys=True),
            "vhbb:packages": json.dumps(record["packages"], sort_keys=True),
            "vhbb:python": record["python"],
            "vhbb:host": record["host"],
            "vhbb:platform": record["platform"],
        },
    )
    code = record["code"]
    agent = document.agent(
        _identifier(CODE, code),
        {
            PROV_TYPE: "prov:SoftwareAgent",
            "vhbb:commit": str(code["commit"]),
            "vhbb:dirty": str(code["dirty"]),
        },
    )
    run.wasAssociatedWith(agent)
    if record["image"]:
        attributes: Attributes = {PROV_TYPE: "vhbb:Image", "vhbb:name": record["image"]}
        run.used(document.entity(_identifier(IMAGE, record["image"]), attributes))
    inputs = [_file(document, item) for item in record["inputs"]]
    for entity in inputs:
        run.used(entity)
    for item in record["outputs"]:
        output = _file(document, item)
        output.wasGeneratedBy(run, end)
        for entity in inputs:
            output.wasDerivedFrom(entity)


def _file(document: ProvDocument, item: Record) -> Any:
    attributes: Attributes = {PROV_TYPE: "vhbb:File", PROV_LOCATION: item["uri"]}
    for name in ("size", "adler32", "root_uuid"):
        if item.get(name) is not None:
            attributes[f"vhbb:{name}"] = item[name]
    told = item["adler32"] or item.get("root_uuid")
    return document.entity(_identifier(FILE, item["uri"], told), attributes)


def _identifier(kind: str, *content: Any) -> str:
    text = json.dumps(content, sort_keys=True)
    return f"vhbb:{kind}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def files_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Files of a PROV-JSON document: ``uri``, ``size``, ``adler32`` and ``root_uuid`` if any."""
    files = []
    for entity in document.get("entity", {}).values():
        if _plain(entity.get("prov:type")) == "vhbb:File":
            size, checksum = entity.get("vhbb:size"), entity.get("vhbb:adler32")
            location = _plain(entity["prov:location"])
            file = {"uri": location, "size": _plain(size), "adler32": _plain(checksum)}
            if "vhbb:root_uuid" in entity:
                file["root_uuid"] = _plain(entity["vhbb:root_uuid"])
            files.append(file)
    return sorted(files, key=lambda file: str(file["uri"]))


def _plain(value: Any) -> Any:
    """A literal's value, with or without its type."""
    return value["$"] if isinstance(value, dict) else value
