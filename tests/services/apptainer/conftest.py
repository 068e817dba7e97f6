"""Apptainer, the machine's own or Debian's newest, and an image made from Docker's."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.services.docker.conftest import engine, images, site  # noqa: F401  (fixtures)
from tests.services.engine import ServiceUnavailableError, cache_directory, exclusive

# Debian has it in its unstable release only: it comes with the libraries it was linked to
PACKAGES = ("apptainer", "libc6", "libseccomp2", "libsqlite3-0")


def _run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise ServiceUnavailableError(
            f"{command[0]}: {(done.stderr or done.stdout).strip()[-300:]}"
        )
    return done.stdout


def _download(folder):
    """Fetch the packages with lists of packages of their own, the system's left alone."""
    origin = _run("apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)")
    mirrors = [line.split()[1] for line in origin.splitlines() if line.startswith("Debian ")]
    if not mirrors:
        raise ServiceUnavailableError("no Debian mirror is known")
    (folder / "lists" / "partial").mkdir(parents=True)
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    sources = folder / "unstable.list"
    sources.write_text(f"deb [signed-by={keys}] {mirrors[0]} sid main\n")
    settings = {
        "Dir::Etc::SourceList": sources, "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": folder / "lists", "Dir::Cache": folder, "APT::Sandbox::User": "root",
    }  # fmt: skip
    options = [f"-o{name}={value}" for name, value in settings.items()]
    _run("apt-get", *options, "-qq", "update")
    _run("apt-get", *options, "-qq", "download", *PACKAGES, cwd=folder)
    return list(folder.glob("*.deb"))


def _unpack(packages, root):
    """Make Apptainer run from where it lies, with its own libraries."""
    for package in packages:
        _run("dpkg-deb", "-x", package, root)
    libraries = next(root.glob("usr/lib/*/ld-linux-*")).parent
    for program in (root / "usr/bin/apptainer", libraries / "apptainer/bin/starter"):
        _run("patchelf", "--set-interpreter", next(libraries.glob("ld-linux-*")), program)
        _run("patchelf", "--force-rpath", "--set-rpath", libraries, program)
    for prefix in ("usr", "usr/lib"):  # it looks for settings and state in either
        for name in ("etc", "var"):
            (root / prefix / name).symlink_to(os.path.relpath(root / name, root / prefix))


@pytest.fixture(scope="session")
def apptainer():
    """Path of the client, below a folder that every user may read."""
    if installed := shutil.which("apptainer"):
        yield Path(installed)
        return
    packages = cache_directory() / "apptainer"
    root = Path(tempfile.mkdtemp(prefix="vhbb-apptainer-", dir="/var/lib"))
    root.chmod(0o755)
    try:
        with exclusive(packages.with_suffix(".lock")):
            if not packages.exists():
                partial = Path(tempfile.mkdtemp(prefix="apptainer-", dir=cache_directory()))
                _download(partial)
                partial.rename(packages)
        _unpack(packages.glob("*.deb"), root)
        yield root / "usr/bin/apptainer"
    except (ServiceUnavailableError, FileNotFoundError) as error:
        pytest.skip(f"no Apptainer: {error}")
    finally:
        shutil.rmtree(root)


@pytest.fixture(scope="session")
def folder(apptainer, images):  # noqa: F811
    """The image of skim, unpacked, by the documented command."""
    place = Path(tempfile.mkdtemp(prefix="vhbb-image-", dir="/dev/shm"))
    place.chmod(0o755)
    name = images["skim"].partition("@")[0]
    environment = {**os.environ, "APPTAINER_CACHEDIR": f"{place}/cache", "APPTAINER_TMPDIR": place}
    _run(apptainer, "build", "--sandbox", place / "skim", f"docker-daemon:{name}", env=environment)
    shutil.rmtree(place / "cache")
    yield place / "skim"
    shutil.rmtree(place)


@pytest.fixture(scope="session")
def sif(apptainer, folder):
    """The same as one file, not compressed as that takes a minute."""
    file = folder.with_suffix(".sif")
    options = "--mksquashfs-args=-noI -noD -noF -noX"
    _run(apptainer, "build", options, file, folder)
    return file


@pytest.fixture
def user(site, apptainer):  # noqa: F811
    """A user whose settings name the client."""
    site.settings(f"[singularity_sandbox]\nengine: {apptainer}\n")
    return site
