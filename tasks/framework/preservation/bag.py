"""BagIt (RFC 8493): a folder whose every byte has a checksum, for keeping and passing on."""

import gzip
import hashlib
import tarfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

VERSION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def make_bag(folder: Path, information: Mapping[str, str]) -> None:
    """Complete a folder that has its content in ``data`` to a bag.

    Args:
        folder: of the bag.
        information: labels and values for ``bag-info.txt``, without line ends in them.
    """
    payload = sorted(path for path in (folder / "data").rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in payload)
    labels = {**information, "Payload-Oxum": f"{size}.{len(payload)}"}
    (folder / "bagit.txt").write_text(VERSION, encoding="utf-8")
    lines = [f"{label}: {' '.join(value.split())}\n" for label, value in labels.items()]
    (folder / "bag-info.txt").write_text("".join(lines), encoding="utf-8")
    _write_manifest(folder, "manifest-sha256.txt", payload)
    tags = [folder / name for name in ("bag-info.txt", "bagit.txt", "manifest-sha256.txt")]
    _write_manifest(folder, "tagmanifest-sha256.txt", tags)


def _write_manifest(folder: Path, name: str, files: list[Path]) -> None:
    """A line for each file as sha256sum reads it, with what RFC 8493 wants encoded."""
    lines = [
        f"{checksum(path)}  {_encoded(path.relative_to(folder).as_posix())}\n" for path in files
    ]
    (folder / name).write_text("".join(lines), encoding="utf-8")


def _encoded(path: str) -> str:
    return "".join(quote(one) if one in "\n\r%" else one for one in path)


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def pack(folder: Path, path: str) -> None:
    """A compressed tar file with the folder at its top; equal folders give equal bytes."""
    members = [folder, *sorted(folder.rglob("*"))]
    with (
        open(path, "wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member in members:
            name = f"{folder.name}/{member.relative_to(folder).as_posix()}".removesuffix("/.")
            described = archive.gettarinfo(str(member), name)
            described.uid = described.gid = described.mtime = 0
            described.uname = described.gname = ""
            if member.is_file() and not member.is_symlink():
                with member.open("rb") as content:
                    archive.addfile(described, content)
            else:
                archive.addfile(described)
