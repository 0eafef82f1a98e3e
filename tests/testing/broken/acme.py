"""Acme Field Service, a vendor that does not exist: the smallest spoke that does everything."""

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlencode

import hub


class Acme(hub.Spoke, hub.Pulls, hub.Fetches, hub.Receives, hub.Writes):
    """Work orders come in by poll and webhook, changes to them go out."""

    kind = "field_service"
    streams = (hub.Stream("work_orders", by_time=True),)
    hosts = ("acme.example",)

    client_id: str
    client_secret: hub.Secret
    hook_secret: hub.Secret
    hook_secret_old: hub.Secret | None = None

    def auth(self) -> hub.Auth:
        return hub.ClientCredentials(
            f"{self.url}/token",
            self.client_id,
            self.client_secret,
            tokens=self._tokens,
            hosts=self.hosts,
            loopback=self.sandbox,
        )

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        return self.keyset(cursor, lambda window: self._read(stream, window))

    def _read(self, stream: hub.Stream, window: hub.Window) -> Iterator[Sequence[hub.Change]]:
        since = window.since.isoformat() if window.since else ""
        asked = {"since": since, "after": window.id, "before": window.before.isoformat()}
        link = f"/{stream.name}?{urlencode(asked)}"
        while link:
            page = self.http.get(link).json()
            yield [_change(stream, record) for record in page["items"]]
            link = page["next"]

    def fetch(self, stream: hub.Stream, ids: Sequence[str]) -> Iterator[hub.Change]:
        for some in (ids[start : start + 50] for start in range(0, len(ids), 50)):
            page = self.http.get(f"/{stream.name}", params={"ids": ",".join(some)}).json()
            found = {record["id"]: _change(stream, record) for record in page["items"]}
            yield from (found.get(one) or hub.Change(stream.name, one, None) for one in some)

    def verify(self, hook: hub.Webhook) -> None:
        secrets = [secret for secret in (self.hook_secret, self.hook_secret_old) if secret]
        hook.check_signature(secrets, "x-acme-signature")

    def parse(self, hook: hub.Webhook) -> Iterable[hub.Change | hub.Hint]:
        event = hook.json()
        return [hub.Hint(event["stream"], event["id"])] if event["type"] == "changed" else []

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        path, send = f"/{stream.name}/by-key/{write.key}", self.http.put
        if write.id:
            path, send = f"/{stream.name}/{write.id}", self.http.patch
        seen = {"If-Match": write.version} if write.version else {}
        record = send(path, json=write.data, headers=seen).json()
        return hub.Receipt(record["id"], record["changed"])

    def delete(self, stream: hub.Stream, id: str) -> None:
        self.http.delete(f"/{stream.name}/{id}")


def _change(stream: hub.Stream, record: hub.JsonObject) -> hub.Change:
    data = None if record["deleted"] else record
    return hub.Change(stream.name, record["id"], data, record["changed"])
