import law
import pytest

from tasks.framework.errors import UserError
from tasks.framework.sandbox.task import SandboxedTask, resolve


class Step(SandboxedTask):
    def run(self):
        pass


def test_there_is_no_sandbox_by_default():
    assert Step().effective_sandbox == law.NO_STR
    assert Step().is_sandboxed()


@pytest.mark.parametrize("choice", ["none", "off"])
def test_none_overrides_the_settings(settings, choice):
    settings({"sandbox": {"default": "docker::vhbb"}})
    assert resolve("", "Step") == "docker::vhbb"
    assert resolve(choice, "Step") is None


def test_settings_are_by_task(settings):
    settings({"sandbox": {"Step": "venv::/opt/venv", "default": "docker::vhbb"}})
    assert resolve(law.NO_STR, "Step") == "venv::/opt/venv"
    assert resolve(law.NO_STR, "Other") == "docker::vhbb"


def test_images_are_by_task_and_engine(settings):
    settings(
        {
            "docker_images": {"Step": "vhbb-skim:1", "default": "vhbb-fit:1"},
            "singularity_images": {"default": "/cvmfs/images/vhbb"},
        }
    )
    assert resolve("docker", "Step") == "docker::vhbb-skim:1"
    assert resolve("docker", "Other") == "docker::vhbb-fit:1"
    assert resolve("singularity", "Step") == "singularity::/cvmfs/images/vhbb"
    assert resolve("docker::mine", "Step") == "docker::mine"


@pytest.mark.parametrize("choice", ["vhbb-skim", "podman::x", "docker::a,b"])
def test_what_is_no_sandbox_is_refused_with_what_would_be(choice):
    with pytest.raises(UserError, match=r"not a sandbox; use none, docker::NAME"):
        resolve(choice, "Step")


def test_an_engine_without_an_image_for_the_task_is_refused(settings):
    with pytest.raises(UserError, match=r"no image for Step; add it to \[docker_images\]"):
        resolve("docker", "Step")


def test_the_sandbox_does_not_change_the_task():
    assert Step().task_id == Step(sandbox="docker::vhbb").task_id
