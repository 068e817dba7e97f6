"""Build the images of the steps and name them by what is in them.

    python docker/build.py                              # skim, scale and fit
    python docker/build.py fit --engine podman
    python docker/build.py --base python:3.12-slim-bookworm@sha256:...
    python docker/build.py -- --network host            # further options of `docker build`

The tag is a digest of the build's inputs: the same sources, requirements and base give the same
name, and what is there already is not built again. The context sent to the engine holds these
files and nothing else. Printed are lines for law.cfg with tag and digest.
"""

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STEPS = ("skim", "scale", "fit")
TASKS = {
    "skim": ("GenerateSynthetic", "Skim", "MergeSkimStep", "MergeSkim"),
    "scale": ("Scale",),
    "fit": ("default",),
}
BASE = "python:3.11-slim-bookworm"
SOURCES = {".py", ".yaml", ".csv"}


def context_files(step: str) -> list[Path]:
    """Files the image of a step is made of, sorted, relative to the repository."""
    files = [Path("requirements.txt"), Path("docker/subset.py"), Path("docker/Dockerfile")]
    files.append(Path("docker") / f"{step}.txt")
    for package in ("analysis", "tasks"):
        found = (ROOT / package).rglob("*")
        files += [path.relative_to(ROOT) for path in found if path.suffix in SOURCES]
    return sorted(files)


def content_digest(step: str, base: str) -> str:
    """Twelve hexadecimal digits that stand for all inputs of a build."""
    digest = hashlib.sha256(f"{step}\0{base}\0".encode())
    for path in context_files(step):
        content = (ROOT / path).read_bytes()
        digest.update(f"{path.as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]


def context_archive(step: str) -> bytes:
    """The build context as a tar file that depends on nothing but the files' content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in context_files(step):
            content = (ROOT / path).read_bytes()
            member = tarfile.TarInfo(path.as_posix())
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def commit() -> str:
    """The commit the sources are of, `-dirty` when they differ from it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=40", "--dirty"]
    command += ["--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def image_id(engine: str, name: str) -> str | None:
    """Digest of an image the engine has."""
    command = [engine, "image", "inspect", "--format", "{{.Id}}", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = done.stdout.strip()
    return f"sha256:{found.removeprefix('sha256:')}" if done.returncode == 0 and found else None


def build(step: str, engine: str, base: str, options: Sequence[str]) -> str:
    """Build one image unless it is there; its name with tag and digest.

    Raises:
        subprocess.CalledProcessError: the engine could not build it; its message is on stderr.
    """
    name = f"vhbb-{step}:{content_digest(step, base)}"
    if image_id(engine, name) is None:
        command = [engine, "build", "--file=docker/Dockerfile", f"--tag={name}"]
        command += [f"--build-arg=STEP={step}", f"--build-arg=PYTHON_IMAGE={base}"]
        command += [f"--build-arg=COMMIT={commit()}", *options, "-"]
        subprocess.run(command, input=context_archive(step), stdout=sys.stderr, check=True)
    subprocess.run([engine, "tag", name, f"vhbb-{step}:latest"], check=True)
    return f"{name}@{image_id(engine, name)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what the command line asks for; 1 when it cannot be built."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("steps", nargs="*", help=f"what to build (default: {', '.join(STEPS)})")
    parser.add_argument("--engine", default="docker", help="docker or podman (default: docker)")
    parser.add_argument("--base", default=BASE, help=f"base image (default: {BASE})")
    parser.add_argument("--json", action="store_true", help="print names as a JSON object")
    given = list(sys.argv[1:] if arguments is None else arguments)
    split = given.index("--") if "--" in given else len(given)
    parsed = parser.parse_args(given[:split])
    if unknown := set(parsed.steps) - set(STEPS):
        parser.error(f"no such step: {', '.join(sorted(unknown))}; known: {', '.join(STEPS)}")
    names: dict[str, str] = {}
    try:
        for step in parsed.steps or STEPS:
            names[step] = build(step, parsed.engine, parsed.base, given[split + 1 :])
    except FileNotFoundError:
        print(f"build: '{parsed.engine}' is not installed or not on PATH", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"build: {parsed.engine} exited with {error.returncode}, see above", file=sys.stderr)
        return 1
    if parsed.json:
        print(json.dumps(names))
        return 0
    print("[docker_images]")
    print("\n".join(f"{task}: {name}" for step, name in names.items() for task in TASKS[step]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
