"""Records become a W3C PROV document in which every file leads to the bytes it came from."""

import json

import pytest
from prov.model import ProvDocument

from tasks.framework.preservation.picture import draw, nodes_and_arrows
from tasks.framework.preservation.prov_document import files_of, prov_document
from tasks.framework.preservation.verification import changes
from tasks.framework.provenance import fingerprint


def record(task, inputs, outputs, *, image=None, dirty=False):
    return {
        "task": task,
        "parameters": {"version": "v1"},
        "inputs": inputs,
        "outputs": outputs,
        "code": {"commit": "1234567890abcdef", "dirty": dirty},
        "python": "3.11.7",
        "packages": {"numpy": "2.3"},
        "image": image,
        "host": "somewhere",
        "platform": "Linux",
        "started": "2026-01-01T12:00:00+00:00",
        "seconds": 1.5,
    }


@pytest.fixture
def records(tmp_path):
    """Two runs of Skim on a file each, and a Fit of both, in an image."""
    files = {name: tmp_path / name for name in ("a.root", "b.root", "a.skim", "b.skim", "limits")}
    for name, path in files.items():
        path.write_text(name)
    told = {name: fingerprint(str(path)) for name, path in files.items()}
    skims = [record("Skim", [told[f"{x}.root"]], [told[f"{x}.skim"]]) for x in "ab"]
    inputs = [told["a.skim"], told["b.skim"]]
    return [
        record("Fit", inputs, [told["limits"]], image="vhbb-fit:1@sha256:ab", dirty=True),
        *skims,
    ]


def test_the_document_is_prov_json_that_prov_reads_back(records):
    document = prov_document(records)
    text = document.serialize(indent=2)
    assert ProvDocument.deserialize(content=text) == document
    content = json.loads(text)
    assert len(content["activity"]) == 3
    assert len(content["agent"]) == 2  # the code as committed, and as edited
    assert len(content["entity"]) == 6  # five files, an image


def test_a_limit_leads_to_the_bytes_it_came_from(records):
    content = json.loads(prov_document(records).serialize())
    derived = {}
    for relation in content["wasDerivedFrom"].values():
        made, source = relation["prov:generatedEntity"], relation["prov:usedEntity"]
        derived.setdefault(made, set()).add(source)

    def origins(entity):
        sources = derived.get(entity)
        return set.union(*map(origins, sources)) if sources else {entity}

    name = {key: str(e.get("prov:location")) for key, e in content["entity"].items()}
    (limits,) = (key for key in name if name[key].endswith("limits"))
    found = {name[key].rpartition("/")[2] for key in origins(limits)}
    assert found == {"a.root", "b.root"}


def test_a_file_that_changed_between_is_another_entity(records):
    records[0]["inputs"][0] = {**records[0]["inputs"][0], "adler32": "00000000"}
    content = json.loads(prov_document(records).serialize())
    assert len(content["entity"]) == 7


def test_files_are_verified_by_size_and_checksum(records, tmp_path):
    files = files_of(json.loads(prov_document(records).serialize()))
    assert len(files) == 5
    assert changes(files) == []
    (tmp_path / "a.root").write_text("b.root")
    (tmp_path / "b.skim").write_text("longer than before")
    (tmp_path / "limits").unlink()
    told = changes(files)
    assert [line.partition(": ")[0].rpartition("/")[2] for line in told] == [
        "a.root", "b.skim", "limits",
    ]  # fmt: skip
    assert "adler32 was" in told[0]
    assert "size was 6 and is 18" in told[1]
    assert told[2].endswith("is gone")


def test_the_picture_has_a_box_for_each_task_and_what_came_from_outside(records):
    nodes, arrows = nodes_and_arrows(records)
    assert {name: node.layer for name, node in nodes.items()} == {
        "input of Skim": 0,
        "Skim": 1,
        "Fit": 2,
    }
    assert arrows == {("input of Skim", "Skim"), ("Skim", "Fit")}
    late = record("Fit", [{"uri": "/c.yaml", "adler32": "1"}], [])
    assert nodes_and_arrows([late, *records])[0]["input of Fit"].layer == 1
    assert nodes["Skim"].label == "Skim\n2 runs, 2 files\ncode 1234567890"
    assert nodes["Fit"].label == "Fit\n1 run, 1 file\ncode 1234567890 (edited)\nvhbb-fit:1"
    assert nodes["input of Skim"].label == "a.root\nb.root"
    texts = [text.get_text() for text in draw(records, "limits").axes[0].texts]
    assert nodes["Fit"].label in texts
