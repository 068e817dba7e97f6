"""`law run Provenance`: what is behind a limit, and whether it still is what it was."""

import json

import yaml


def document(workspace):
    (path,) = workspace.results.glob("Provenance/*/v1/prov.json")
    return json.loads(path.read_text())


def test_every_file_behind_the_limit_is_in_it_with_its_checksum(workspace):
    workspace.law("Provenance")
    entities = document(workspace)["entity"].values()
    files = {str(e["prov:location"]): e for e in entities if "prov:location" in e}
    made = {path for path in workspace.files() if not path.endswith(".provenance.json")}
    (catalogue,) = (path for path in made if path.endswith("catalogue.yaml"))
    expected = {path for path in made if "Provenance" not in path} | {catalogue}
    assert set(files) == {str(workspace.results / path) for path in expected}
    assert all("vhbb:adler32" in entity for entity in files.values())
    tasks = {str(run["prov:type"]) for run in document(workspace)["activity"].values()}
    assert len(tasks) == 5


def test_a_limit_leads_to_the_numbers_of_the_catalogue(workspace):
    mine = "signals: {zh: {cross_section: 12.5 fb, synthetic: {seed: 1, n_events: 500}}}\n"
    workspace.write("my.yaml", mine)
    workspace.law("Provenance", "--catalogue", "my.yaml")
    content = document(workspace)
    name = {str(e.get("prov:location")).rpartition("/")[2]: k for k, e in content["entity"].items()}
    derived = {
        (one["prov:generatedEntity"], one["prov:usedEntity"])
        for one in content["wasDerivedFrom"].values()
    }
    assert (name["limits.json"], name["catalogue.yaml"]) in derived
    (path,) = workspace.results.glob("Provenance/*/v1/catalogue.yaml")
    catalogue = yaml.safe_load(path.read_text())
    assert catalogue["signals"]["zh"]["cross_section"] == "12.5 fb"
    assert catalogue["luminosity"]["value"] == "140.1 /fb"
    assert catalogue["data"]["contents"][0] == 7627


def test_verify_tells_what_has_changed_and_runs_nothing(workspace):
    done = workspace.law("Provenance", "--verify", code=None)
    assert done.returncode != 0
    assert "run without --verify first" in done.stdout + done.stderr
    assert workspace.files() == {}
    workspace.law("Provenance")
    assert "all 30 files are as they were" in workspace.law("Provenance", "--verify").stdout
    (changed,) = workspace.results.glob("Scale/*/*/v1/selected_scaled.root")
    changed.write_bytes(changed.read_bytes() + b" ")
    before = workspace.files()
    done = workspace.law("Provenance", "--verify", code=None)
    assert done.returncode != 0
    assert f"1 of 30 files have changed: {changed}: size was" in done.stdout + done.stderr
    assert workspace.files() == before
