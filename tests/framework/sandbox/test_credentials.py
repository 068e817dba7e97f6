from tasks.framework.sandbox.credentials import find_credentials
from tasks.framework.sandbox.mounts import Mount


def test_credentials_are_found_where_variables_say(tmp_path):
    for name in ("proxy", "token", "cache"):
        (tmp_path / name).touch()
    environ = {
        "X509_USER_PROXY": f"{tmp_path}/proxy",
        "BEARER_TOKEN_FILE": f"{tmp_path}/token",
        "KRB5CCNAME": f"FILE:{tmp_path}/cache",
        "KRB5_CONFIG": "/nowhere",
        "X509_CERT_DIR": "/nowhere",
    }
    mounts, variables = find_credentials(environ)
    assert variables == {
        "X509_USER_PROXY": f"{tmp_path}/proxy",
        "KRB5CCNAME": f"{tmp_path}/cache",
        "BEARER_TOKEN_FILE": f"{tmp_path}/token",
    }
    assert set(mounts) == {Mount.same(path) for path in variables.values()}


def test_a_token_in_a_variable_is_not_handed_on(tmp_path):
    environ = dict.fromkeys(("X509_USER_PROXY", "KRB5_CONFIG", "X509_CERT_DIR"), "/nowhere")
    environ |= {"XDG_RUNTIME_DIR": str(tmp_path), "KRB5CCNAME": "KCM:0", "BEARER_TOKEN": "abc"}
    assert find_credentials(environ) == ([], {})
