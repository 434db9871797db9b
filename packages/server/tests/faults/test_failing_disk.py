"""S15, F23, F24: what else is written fails as records do, and is asked for again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from packages.sdk.tests.faults.scenarios.disks import NotPermittedError

from ..support.accounts import OPERATOR, PASSWORD, Caller
from ..support.lines import make_run, make_run_id
from ..support.process import ServerProcess
from ..support.thread import SECRET
from .tracing import trace

LOGIN = {"email": OPERATOR, "password": PASSWORD}
KEY = 'mutation{createApiKey(input:{name:"k",scope:READ}){errors{code}}}'
TAG = f'mutation{{tagRun(runId:"{make_run_id(0)}",tags:["a"]){{errors{{code}}}}}}'
RUNS = "{runs{totalCount}}"
INJECTED = {
    "no room": "pwrite64:error=ENOSPC:when=1+",
    "a failing sync": "fdatasync:error=EIO:when=1+",
}


@pytest.fixture
def started(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path, env={"SECRET_KEY": SECRET}) as server:
        yield server


def _log_in(url: str) -> tuple[Caller, str]:
    answer = httpx.post(f"{url}/api/auth/token", json=LOGIN)
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    return Caller(url, tokens["access_token"]), tokens["refresh_token"]


def _register(server: ServerProcess) -> None:
    assert server.process.stdout is not None
    while "register the first with" not in server.text:
        server.text += server.process.stdout.readline()
    token = server.text.partition("register the first with ")[2].split()[0]
    body = {**LOGIN, "setup_token": token}
    assert httpx.post(f"{server.url}/api/auth/register", json=body).status_code == 201


@pytest.mark.parametrize("name", INJECTED)
def test_s15_f23_f24_a_login_an_export_and_a_change_wait_for_the_disk_as_records_do(
    started: ServerProcess, tmp_path: Path, name: str
) -> None:
    """503 with `Retry-After`, and not the answer to a defect; reads go on, and then all does."""
    _register(started)
    operator, refresh = _log_in(started.url)
    assert operator.send([make_run()]).status_code == 200
    call = INJECTED[name].partition(":")[0]
    options = ["-e", f"trace={call}", "-e", f"inject={INJECTED[name]}"]
    try:
        with trace(started.process.pid, *options, output=tmp_path / "calls"):
            answers = {
                "records": operator.send([make_run(1)]),
                "login": httpx.post(f"{started.url}/api/auth/token", json=LOGIN),
                "refresh": httpx.post(
                    f"{started.url}/api/auth/refresh", json={"refresh_token": refresh}
                ),
                "logout": operator.http.post("/api/auth/logout"),
                "export": operator.http.get(f"/api/export/runs/{make_run_id(0)}"),
            }
            changes = [operator.ask_raw(query).json() for query in (KEY, TAG)]
            assert operator.ask(RUNS) == {"totalCount": 1}
            ready = operator.http.get("/readyz")
    except NotPermittedError as error:
        pytest.skip(str(error))
    found = {
        what: (answer.status_code, answer.headers.get("retry-after"))
        for what, answer in answers.items()
    }
    assert found == dict.fromkeys(answers, (503, "1"))
    assert [change["errors"][0]["extensions"]["code"] for change in changes] == ["UNAVAILABLE"] * 2
    assert ready.status_code == 503
    assert "could not be written" in ready.json()["reason"]
    assert operator.http.get("/readyz").status_code == 200  # there is room again
    assert operator.http.get(f"/api/export/runs/{make_run_id(0)}").status_code == 200
    assert operator.ask(TAG) == {"errors": []}
    operator.close()
    code, errors = started.stop()
    assert (code, "Traceback" in errors, "never retrieved" in errors) == (0, False, False)
