"""The command line for Apptainer; the real one runs it in the tests of services, where it is."""

import hashlib

import pytest

from tasks.framework.errors import UserError

SIF = b"an image"


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "vhbb.sif"
    path.write_bytes(SIF)
    return path


def test_the_whole_command(fake_engine, run, copy, image, tmp_path):
    fake_engine.install("apptainer")
    run(copy(f"singularity::{image}"))
    command = fake_engine.command("exec")
    start = command.index(str(image))
    options, inside = command[:start], command[start + 1 :]
    assert {"--containall", "--no-eval", "--net", "--network=none"} <= set(options)
    assert f"--mount=type=bind,src={tmp_path}/out,dst={tmp_path}/out" in options
    source = f"{tmp_path}/in, here.txt"
    assert f'--mount=type=bind,"src={source}","dst={source}",ro' in options
    (environment,) = fake_engine.environments("APPTAINERENV_")
    assert environment["VHBB_IMAGE"] == f"{image}@sha256:{hashlib.sha256(SIF).hexdigest()}"
    assert environment["LAW_SANDBOX"] == f"singularity::{image}"
    assert "PATH" not in environment
    assert "HOME" not in environment
    assert inside[0] == "python"
    assert inside[1].endswith("inside.py")
    assert inside[2:4] == ["law", "run"]
    assert "--local-scheduler=True" in inside


def test_a_remote_file_brings_the_network(fake_engine, run, copy, image):
    fake_engine.install("singularity")
    run(copy(f"singularity::{image}", source="root://eos.example//eos/file.root"))
    assert "--net" not in fake_engine.command("exec")


@pytest.mark.parametrize("name", ["oras://registry.example/vhbb:1", "docker://vhbb-skim:1"])
def test_an_image_may_be_a_uri(fake_engine, run, copy, name):
    fake_engine.install("apptainer")
    run(copy(f"singularity::{name}"))
    assert name in fake_engine.command("exec")


def test_an_unpacked_image_is_named_by_where_it_is(fake_engine, run, copy, tmp_path):
    (tmp_path / "sha256-abc").mkdir()
    (tmp_path / "vhbb").symlink_to("sha256-abc")
    fake_engine.install("apptainer")
    run(copy(f"singularity::{tmp_path}/vhbb"))
    (environment,) = fake_engine.environments("APPTAINERENV_")
    assert environment["VHBB_IMAGE"] == f"{tmp_path}/sha256-abc"


def test_an_image_that_is_not_there_is_named(fake_engine, run, copy):
    fake_engine.install("apptainer")
    with pytest.raises(UserError, match=r"there is no image '/nowhere.sif'; build it with"):
        run(copy("singularity::/nowhere.sif"))


def test_no_engine_at_all(fake_engine, run, copy, image):
    with pytest.raises(UserError, match="no engine, 'apptainer' is not installed"):
        run(copy(f"singularity::{image}"))


def test_what_the_engine_says_becomes_one_line(fake_engine, run, copy, image):
    said = "FATAL:   container creation failed: mount x->y error"
    fake_engine.install("apptainer", **{"--silent": (255, "", said)})
    with pytest.raises(UserError, match="could not be started: FATAL: container creation"):
        run(copy(f"singularity::{image}"))
