"""Credentials for storage, found where the ecosystem keeps them; mounted, never copied."""

import os
from collections.abc import Mapping

from tasks.framework.sandbox.mounts import Mount

KERBEROS_SETTINGS = "/etc/krb5.conf"
CERTIFICATE_AUTHORITIES = "/etc/grid-security/certificates"


def find_credentials(environ: Mapping[str, str]) -> tuple[list[Mount], dict[str, str]]:
    """Read-only mounts of the credentials that exist, and the variables that point to them.

    X.509 proxy (`X509_USER_PROXY`, else `/tmp/x509up_u<uid>`), Kerberos file cache (`KRB5CCNAME`,
    else `/tmp/krb5cc_<uid>`) and bearer token by WLCG's discovery, except for `BEARER_TOKEN`: a
    token in a variable would be readable in the container's description.

    Args:
        environ: the caller's environment.
    """
    uid = os.getuid()
    runtime = environ.get("XDG_RUNTIME_DIR", "/tmp")  # noqa: S108
    kerberos = environ.get("KRB5CCNAME", f"FILE:/tmp/krb5cc_{uid}")
    candidates = {
        "X509_USER_PROXY": environ.get("X509_USER_PROXY", f"/tmp/x509up_u{uid}"),  # noqa: S108
        "X509_CERT_DIR": environ.get("X509_CERT_DIR", CERTIFICATE_AUTHORITIES),
        "KRB5CCNAME": kerberos.removeprefix("FILE:"),
        "KRB5_CONFIG": environ.get("KRB5_CONFIG", KERBEROS_SETTINGS),
        "BEARER_TOKEN_FILE": environ.get("BEARER_TOKEN_FILE", f"{runtime}/bt_u{uid}"),
    }
    # a Kerberos cache in a keyring or daemon (KEYRING:, KCM:) is no file and stays behind
    found = {name: path for name, path in candidates.items() if os.path.exists(path)}
    return [Mount.same(path) for path in found.values()], found
