"""Credentials: found where the ecosystem keeps them, read for their end and nothing else."""

import base64
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.framework.errors import UserError
from tasks.framework.xrootd import credentials, file_system
from tests.framework.xrootd.kerberos import credential_cache

SIGNATURE = "s1gnature"
SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=5)
PAST = SOON - timedelta(days=1)


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """No credentials of whoever runs the tests."""
    for name in ("KRB5CCNAME", "X509_USER_PROXY", "BEARER_TOKEN_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.delenv("BEARER_TOKEN", raising=False)


@pytest.fixture
def ticket(tmp_path):
    """Write a Kerberos credential cache whose ticket ends at a time."""

    def write(end: datetime) -> Path:
        path = tmp_path / "krb5cc"
        path.write_bytes(credential_cache(end))
        return path

    return write


@pytest.fixture
def proxy(tmp_path):
    """Write a certificate with openssl that ends in a number of days."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")

    def write(days: int) -> Path:
        path = tmp_path / "x509up"
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        names = ["-subj", "/CN=user", "-keyout", path, "-out", tmp_path / "c.pem"]
        command = [*command.split(), *names, "-days", str(days)]
        subprocess.run(command, check=True, capture_output=True)
        path.write_bytes(path.read_bytes() + (tmp_path / "c.pem").read_bytes())
        return path

    return write


def token(end: datetime) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"exp": end.timestamp()}).encode())
    return f"header.{payload.decode().rstrip('=')}.{SIGNATURE}"


def test_a_ticket_is_read_for_its_end(ticket, monkeypatch):
    for prefix in ("FILE:", ""):
        monkeypatch.setenv("KRB5CCNAME", f"{prefix}{ticket(SOON)}")
        found = credentials.find("krb5")
        assert found.expires == SOON
        assert found.is_valid
    ticket(PAST)
    assert not credentials.find("krb5").is_valid


def test_a_proxy_is_read_for_its_end(proxy, monkeypatch):
    monkeypatch.setenv("X509_USER_PROXY", str(proxy(3)))
    found = credentials.find("gsi")
    assert abs(found.expires - datetime.now(UTC) - timedelta(days=3)) < timedelta(minutes=5)


def test_a_proxy_beyond_2049_is_read_too(proxy, monkeypatch):
    monkeypatch.setenv("X509_USER_PROXY", str(proxy(20000)))
    assert credentials.find("gsi").expires.year > 2060


@pytest.mark.parametrize("where", ["BEARER_TOKEN", "BEARER_TOKEN_FILE", "XDG_RUNTIME_DIR"])
def test_tokens_are_discovered_as_wlcg_says(tmp_path, monkeypatch, where):
    monkeypatch.delenv("BEARER_TOKEN_FILE")
    path = tmp_path / f"bt_u{os.getuid()}"
    path.write_text(token(SOON) + "\n")
    value = {"BEARER_TOKEN": token(SOON), "BEARER_TOKEN_FILE": path, "XDG_RUNTIME_DIR": tmp_path}
    monkeypatch.setenv(where, str(value[where]))
    assert credentials.find("token").expires == SOON


def test_what_cannot_be_read_is_left_to_the_server(tmp_path, monkeypatch):
    path = tmp_path / "odd"
    for content in (b"", b"\x05\x04\x00", b"\x05\x04" + b"\xff" * 50, b"a.b.c", os.urandom(99)):
        path.write_bytes(content)
        for kind, variable in (("krb5", "KRB5CCNAME"), ("token", "BEARER_TOKEN_FILE")):
            monkeypatch.setenv(variable, str(path))
            assert credentials.find(kind).is_valid


def test_nothing_required_is_nothing_asked():
    credentials.require((), "store 'eos'")


def test_one_valid_credential_of_several_kinds_is_enough(ticket, monkeypatch):
    monkeypatch.setenv("KRB5CCNAME", str(ticket(PAST)))
    monkeypatch.setenv("BEARER_TOKEN", token(SOON))
    credentials.require(("krb5", "gsi", "token"), "store 'eos'")


def test_expired_and_missing_credentials_are_told_with_the_remedy(ticket, monkeypatch):
    with pytest.raises(UserError, match=r"store 'eos': .*none found.*kinit or voms-proxy-init"):
        credentials.require(("krb5", "gsi"), "store 'eos'")
    monkeypatch.setenv("KRB5CCNAME", str(ticket(PAST)))
    with pytest.raises(UserError, match=r"Kerberos ticket in \S+ expired at .* with kinit"):
        file_system("root://127.0.0.1:1//store", name="eos", accepted_credentials=("krb5",))


def test_an_unknown_kind_is_told():
    with pytest.raises(UserError, match="unknown kind of credentials 'password'"):
        credentials.require(("password",), "store 'eos'")


def test_no_message_holds_a_secret(monkeypatch):
    monkeypatch.setenv("BEARER_TOKEN", token(PAST))
    with pytest.raises(UserError) as raised:
        credentials.require(("token",), "store 'eos'")
    assert SIGNATURE not in str(raised.value)
    assert SIGNATURE not in repr(credentials.find("token"))
