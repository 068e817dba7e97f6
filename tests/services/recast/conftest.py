"""An export of the real analysis with its real images, and the tools that are to run it."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.services.docker.conftest import engine, images  # noqa: F401 - fixtures
from tests.services.engine import CERTIFICATES, ServiceUnavailableError
from tests.services.recast.environments import HERE, environment
from tests.services.recast.registry import push, running_registry
from tests.services.xrootd_server import Server
from tests.tasks.conftest import ROOT, Workspace, task_index, workspace  # noqa: F401 - fixtures
from tests.tasks.test_archive import clone  # noqa: F401 - a fixture

TTBAR = """\
signals:
  ttbar:
    title: tt (Powheg+Pythia8)
    files: {file}
    cross_section: 729.77 pb
    filter_efficiency: 0.5439
    k_factor: 1.1398
"""
RUNNER = "recast/recastatlas:v0.4.2"


@pytest.fixture(scope="session")
def recast():
    """yadage and recast-atlas."""
    return _tools("recast")


@pytest.fixture(scope="session")
def reana():
    """The client of REANA."""
    return _tools("reana")


def _tools(name):
    try:
        return environment(name)
    except ServiceUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def published(engine, images, tmp_path_factory):  # noqa: F811 - fixtures
    """The images by step, with the digests that a registry knows them by."""
    try:
        with running_registry(tmp_path_factory.mktemp("registry")) as registry:
            yield {step: push(engine, image, registry) for step, image in images.items()}
    except ServiceUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def site(published, tmp_path_factory) -> Workspace:
    """A user's place whose law.cfg names the published images."""
    folder = tmp_path_factory.mktemp("site")
    settings = (ROOT / "law.cfg").read_text()
    for step, image in published.items():
        settings = re.sub(rf": vhbb-{step}$", f": {image}", settings, flags=re.MULTILINE)
    (folder / "law.cfg").write_text(settings)
    (folder / ".law").mkdir()
    place = Workspace(folder, {"LAW_CONFIG_FILE": str(folder / "law.cfg")})
    command = ["law", "index", "--quiet"]
    subprocess.run(command, env=place.environment(), check=True, timeout=120)
    return place


@pytest.fixture(scope="session")
def default(site) -> Path:
    """The export of the default analysis, beside the results of `law run Fit`."""
    site.law("Fit")
    site.law("Preserve", "--destination", "default")
    return site.folder / "default"


@pytest.fixture(scope="session")
def ttbar(site, test_data) -> Path:
    """The same with an ATLAS ttbar file as the signal; the file is in ``inputs``."""
    (site.folder / "inputs").mkdir()
    file = site.folder / "inputs" / "uproot-issue-123b.root"
    shutil.copy(test_data / "physlite" / file.name, file)
    site.write("my.yaml", TTBAR.format(file=file))
    site.law("Fit", "--catalogue", "my.yaml")
    site.law("Preserve", "--catalogue", "my.yaml", "--destination", "ttbar")
    return site.folder / "ttbar"


@pytest.fixture
def remote_ttbar(site, ttbar):
    """The same with the file on a server, in a folder of its own beside a script for a ticket."""
    if shutil.which("xrootd") is None:
        pytest.skip("needs an XRootD server: apt-get install xrootd-server")
    folder = Path(tempfile.mkdtemp(prefix="vhbb-xrootd-"))
    folder.chmod(0o755)
    server = Server(folder).start()
    try:
        (file,) = (site.folder / "inputs").iterdir()
        shutil.copy(file, server.files)
        site.write("remote.yaml", TTBAR.format(file=f"{server.url}/{file.name}"))
        site.law("Preserve", "--catalogue", "remote.yaml", "--destination", "remote")
        yield site.folder / "remote"
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def runner(engine, default):  # noqa: F811 - a fixture
    """Image for `recast run --backend docker`, built from the export's Dockerfile."""
    if not engine.has_image(RUNNER):
        _build_recastatlas(engine, default.parent / "recastatlas")
    engine.docker("build", "--tag", "vhbb-recast-runner", default / "runner")
    return "vhbb-recast-runner"


def _build_recastatlas(engine, context):  # noqa: F811 - a fixture
    packages = ["python3", "python3-venv", "graphviz", "imagemagick"]
    try:
        base = engine.base_image("bookworm", packages)
    except ServiceUnavailableError as error:
        pytest.skip(f"no base image: {error}")
    context.mkdir()
    for file in (HERE / "Dockerfile", HERE / "requirements-recast.txt", shutil.which("docker")):
        shutil.copy(file, context)
    options = ["--network=host", f"--build-arg=BASE={base}", f"--tag={RUNNER}"]
    if CERTIFICATES.exists() and "PIP_CERT" in os.environ:
        options.append(f"--build-arg=PIP_CERT={CERTIFICATES}")
    engine.docker("build", *options, context)


@pytest.fixture
def as_caller():
    """Variables with which packtivity runs containers as whoever starts them."""
    return {"PACKTIVITY_DOCKER_CMD_MOD": f"--user {os.getuid()}:{os.getgid()}"}


@pytest.fixture
def limits(site):
    """The file of limits that `law run Fit` wrote for a signal."""

    def limits(signal):
        (found,) = site.results.glob(f"Fit/{signal}/*/v1/limits.json")
        assert json.loads(found.read_text())["signal"] == signal
        return found

    return limits
