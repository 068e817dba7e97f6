"""The tools that an export is for run it in its images and get the limits of `law run Fit`."""

import json
import re

import pytest
import yaml

pytestmark = [pytest.mark.recast, pytest.mark.docker, pytest.mark.slow]


def catalogue(recast, export):
    """The variable that RECAST's own command says to set for an export."""
    said = recast.run("recast", "catalogue", "add", export, cwd=export).stdout
    return {
        "RECAST_ATLAS_CATALOGUE": re.fullmatch(r"export RECAST_ATLAS_CATALOGUE=(.+)\n", said)[1]
    }


class TestYadage:
    def test_the_default_signal_gives_the_limits_of_law(
        self, recast, default, limits, tmp_path, as_caller
    ):
        inputs = default / "inputs_synthetic.yml"
        command = ["yadage-run", "-t", default / "specs", "work", "workflow_synthetic.yml", inputs]
        recast.run(*command, cwd=tmp_path, variables=as_caller)
        made = (tmp_path / "work/fit/limits.json").read_bytes()
        assert made == limits("zh_llbb").read_bytes()
        workspace = limits("zh_llbb").with_name("workspace.json").read_bytes()
        assert (tmp_path / "work/fit/workspace.json").read_bytes() == workspace

    def test_a_signal_on_a_server_is_read_with_the_ticket_of_the_service(
        self, recast, remote_ttbar, limits, tmp_path, as_caller
    ):
        ticket = tmp_path / "auth"  # what `recast auth setup` makes, and steps get
        ticket.mkdir()
        (ticket / "getkrb.sh").write_text("date > /recast_auth/asked\n")
        inputs = remote_ttbar / "inputs.yml"
        assert yaml.safe_load(inputs.read_text())["signal_files"][0].startswith("root://")
        command = ["yadage-run", "-t", remote_ttbar / "specs", "work", "workflow.yml", inputs]
        options = f"{as_caller['PACKTIVITY_DOCKER_CMD_MOD']} --network host"
        variables = {"PACKTIVITY_AUTH_LOCATION": ticket, "PACKTIVITY_DOCKER_CMD_MOD": options}
        recast.run(*command, cwd=tmp_path, variables=variables)
        assert (ticket / "asked").exists()
        made = (tmp_path / "work/fit/limits.json").read_bytes()
        assert made == limits("ttbar").read_bytes()

    def test_both_exports_have_the_same_specification(self, default, ttbar):
        for name in ("workflow.yml", "steps.yml"):
            one, other = (
                yaml.safe_load((e / "specs" / name).read_text()) for e in (default, ttbar)
            )
            one.pop("generate_synthetic", None)
            assert one == other


class TestRecast:
    def test_the_catalogue_knows_and_accepts_it(self, recast, default):
        variables = catalogue(recast, default)
        for name in ("vhbb", "vhbb-synthetic"):
            told = recast.run(
                "recast", "catalogue", "describe", name, cwd=default, variables=variables
            )
            assert "limits on the strength of a signal" in told.stdout
        told = recast.run("recast", "catalogue", "check", "vhbb", cwd=default, variables=variables)
        assert "Everything looks good" in told.stdout

    def test_the_job_for_ci_checks_it(self, recast, default, tmp_path):
        *checks, run = yaml.safe_load((default / "ci.yml").read_text())["recast"]["script"]
        assert run == "recast run vhbb-synthetic --backend local --tag ci"  # as the bundle's test
        (tmp_path / "recast").symlink_to(default)
        script = tmp_path / "check.sh"
        script.write_text("set -eo pipefail\n" + "\n".join(checks))
        recast.run(
            "python", "-c", f"import os; os.execlp('bash', 'bash', '{script}')", cwd=tmp_path
        )
        assert "looks good" in (tmp_path / "check.log").read_text()

    def test_the_docker_backend_runs_the_example_and_extracts_the_limits(
        self, recast, default, limits, runner
    ):
        variables = catalogue(recast, default) | {"RECAST_DOCKER_IMAGE": runner}
        command = ["recast", "run", "vhbb-synthetic", "--backend", "docker", "--tag", "t", "--raw"]
        done = recast.run(*command, cwd=default.parent, variables=variables)
        # (its runner sees this folder alone)
        (result,) = json.loads(done.stdout.splitlines()[-1])
        assert result["name"] == "limits"
        assert result["value"] == json.loads(limits("zh_llbb").read_text())
        made = default.parent / "recast-t" / "fit" / "limits.json"
        assert made.read_bytes() == limits("zh_llbb").read_bytes()

    def test_the_docker_backend_runs_a_new_signal(self, recast, default, ttbar, limits, runner):
        # by the specification of the default analysis: nothing of its signal is in it
        variables = catalogue(recast, default) | {"RECAST_DOCKER_IMAGE": runner}
        example = yaml.safe_load((ttbar / "recast.yml").read_text())["example_inputs"]["default"]
        inputs = ttbar / "recast_inputs.yaml"
        inputs.write_text(yaml.safe_dump(example))
        command = ["recast", "run", "vhbb", inputs, "--backend", "docker", "--tag", "tt", "--raw"]
        done = recast.run(*command, cwd=default.parent, variables=variables)
        (result,) = json.loads(done.stdout.splitlines()[-1])
        assert result["value"] == json.loads(limits("ttbar").read_text())


class TestReana:
    @pytest.mark.parametrize("name", ["default", "ttbar"])
    def test_its_client_accepts_the_specification(self, reana, name, request):
        export = request.getfixturevalue(name)
        told = reana.run("reana-client", "validate", "-f", "reana.yaml", cwd=export).stdout
        assert "WARNING" not in told
        assert told.count("SUCCESS") == 4
