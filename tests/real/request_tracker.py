"""Request Tracker 5 as Debian packs it: started here on SQLite, with an account for the hub."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.real import tools

Json = dict[str, Any]

SHARE = Path("/usr/share/request-tracker5")
INSTALL = "apt-get install --no-install-recommends request-tracker5 rt5-db-sqlite"
# Its own zone is not UTC: only the account's counts.
CONFIG = """
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '{folder}/rt5.sqlite');
Set($rtname, 'doe.example');
Set($Organization, 'doe.example');
Set($WebDomain, '127.0.0.1');
Set($WebPort, {port});
Set($Timezone, 'America/New_York');
Set($LogToSTDERR, 'info');
Set($LogToSyslog, undef);
Set($MailCommand, 'testfile');
1;
"""
# What README.md of the spoke asks an administrator for.
SET_UP = """
use lib '/usr/share/request-tracker5/lib', '/usr/local/share/request-tracker5/lib';
use RT -init;
sub done { my ($ok, $said) = @_; die "$said\\n" unless $ok; return @_ }
my $field = RT::CustomField->new(RT->SystemUser);
done($field->Create(Name => 'HubID', Type => 'FreeformSingle', LookupType => 'RT::Queue-RT::Ticket'));
done($field->AddToObject(RT::Queue->new(RT->SystemUser)));
my $hub = RT::User->new(RT->SystemUser);
done($hub->Create(Name => 'hub', Privileged => 1, Timezone => 'UTC', Password => 'hub-password'));
done($hub->PrincipalObj->GrantRight(Object => RT->System, Right => $_)) for qw(
  SeeQueue ShowTicket CreateTicket ModifyTicket DeleteTicket SeeCustomField ModifyCustomField);
my $token = RT::AuthToken->new(RT->SystemUser);
print +(done($token->Create(Owner => $hub->Id, Description => 'hub')))[2];
"""


@dataclass
class RequestTracker:
    """What its own people do there; `token` is that of the account `hub`."""

    url: str
    token: str
    http: httpx.Client

    def settings(self, **more: Any) -> Json:
        return {"url": self.url, "sandbox": True, "user": "hub", "token": self.token, **more}

    def new(self, **data: Any) -> str:
        made = self._done(self.http.post("/ticket", json={"Queue": "General", **data}))
        return str(made.json()["id"])

    def change(self, id: str, **data: Any) -> None:
        self._done(self.http.put(f"/ticket/{id}", json=data))

    def delete(self, id: str) -> None:
        self._done(self.http.delete(f"/ticket/{id}"))

    def ticket(self, id: str) -> Json:
        found: Json = self._done(self.http.get(f"/ticket/{id}")).json()
        return found

    def _done(self, answer: httpx.Response) -> httpx.Response:
        assert answer.is_success, answer.text
        return answer


def server() -> Path:
    """Its `rt-server`; a test is skipped where there is none."""
    named = os.environ.get("HUB_RT_SERVER") or shutil.which("rt-server")
    found = Path(named) if named else SHARE / "libexec" / "rt-server"
    if not found.is_file():
        pytest.skip(f"no Request Tracker 5: no rt-server on the PATH or at {found}; {INSTALL}")
    return found


@contextmanager
def started(folder: Path) -> Iterator[RequestTracker]:
    """Serve a new one on loopback, with queue General, custom field HubID and account hub."""
    program, port = server(), tools.free_port()
    (folder / "site.d").mkdir(parents=True)
    config = folder / "RT_SiteConfig.pm"
    config.write_text(CONFIG.format(folder=folder, port=port))
    environment = {
        **os.environ, "RT_SITE_CONFIG": str(config), "RT_SITE_CONFIG_DIR": str(folder / "site.d"),
        "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin",  # where its set-up is
    }  # fmt: skip

    def run(*command: str) -> str:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(
        "rt-setup-database-5",
        "--action",
        "init",
        "--skip-create",
        "--dba",
        "x",
        "--dba-password",
        "",
    )
    token = run("perl", "-e", SET_UP).strip()
    log, url = folder / "rt.log", f"http://127.0.0.1:{port}"
    with log.open("w") as written:
        process = subprocess.Popen(
            [str(program), "--server", "Standalone", "--host", "127.0.0.1", "--port", str(port)],
            env=environment, stdout=written, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        auth = ("root", "password")  # as it comes
        with httpx.Client(base_url=f"{url}/REST/2.0", auth=auth, timeout=60) as http:
            tools.until_it_answers(http, "/rt")
            yield RequestTracker(url, token, http)
    finally:
        process.terminate()
        process.wait(30)
