"""The service worker of a profile, as DevTools and the worker's own global reach it."""

import json
import time
import uuid
from typing import Any

from playwright.async_api import BrowserContext, CDPSession, Worker

from tests.end_to_end.waiting import eventually

NOTIFICATIONS = """async () => {
  const shown = await registration.getNotifications();
  return shown.map(({ title, tag, actions, silent, data }) => {
    return { title, tag, actions: actions.map(({ action }) => action), silent, kind: data.kind };
  });
}"""

# A browser opens and focuses windows only for a person's own click: the test opens what was asked
# for, and null is a window that took the errand.
CLICK = """async (action) => {
  const [notification] = await registration.getNotifications();
  const opened = new Promise((resolve) => {
    clients.openWindow = async (address) => resolve(address);
    WindowClient.prototype.focus = async () => resolve(null);
  });
  dispatchEvent(new NotificationEvent('notificationclick', { notification, action }));
  return await (action === 'decline' ? self.seen.click : opened);
}"""


WATCH = """() => {
  self.seen = { pushes: 0, work: [], click: null };
  const { waitUntil } = ExtendableEvent.prototype;
  ExtendableEvent.prototype.waitUntil = function (work) {
    if (this.type === 'push') self.seen.work.push(work);
    if (this.type === 'notificationclick') self.seen.click = work.then(() => null);
    waitUntil.call(this, work);
  };
  addEventListener('push', () => { self.seen.pushes += 1; });
}"""

SETTLED = """async (pushes) => {
  while (self.seen.pushes < pushes) await new Promise((resolve) => setTimeout(resolve, 10));
  await Promise.allSettled(self.seen.work);
}"""


class PushedWorker:
    """Delivers pushes to the worker of a profile, past the encryption of RFC 8291."""

    def __init__(
        self, origin: str, worker: Worker, devtools: CDPSession, registration: str
    ) -> None:
        self._origin = origin
        self._devtools = devtools
        self._registration = registration
        self._pushes = 0
        self.worker = worker

    async def push(self, kind: str, **told: Any) -> None:
        """A push of ours; `expires_at` is half a minute ahead unless it is told."""
        await self.pass_on(_payload(kind, told))

    async def pass_on(self, payload: str) -> None:
        """What a push service would deliver, decrypted; the worker is done with it afterwards.

        Nobody may look earlier: Chromium loses a notification when they are listed while it comes.
        """
        await self._deliver(payload)
        await self.worker.evaluate(SETTLED, self._pushes)

    async def begin(self, kind: str, **told: Any) -> None:
        """Deliver a push whose work goes on, as it needs an answer from the test."""
        await self._deliver(_payload(kind, told))

    async def notifications(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.worker.evaluate(NOTIFICATIONS)
        return found

    async def shows(self, *titles: str) -> None:
        """Wait until these are the notifications that are shown."""
        await eventually(self._titles, lambda found: found == list(titles))

    async def click(self, action: str = "") -> str | None:
        """Click the notification or its button; which address the worker opens.

        After "decline" the worker is done, for the same reason as after a push.
        """
        opened: str | None = await self.worker.evaluate(CLICK, action)
        return opened

    async def _deliver(self, payload: str) -> None:
        self._pushes += 1
        await self._devtools.send(
            "ServiceWorker.deliverPushMessage",
            {
                "origin": self._origin,
                "registrationId": self._registration,
                "data": payload,
            },
        )

    async def _titles(self) -> list[str]:
        return [each["title"] for each in await self.notifications()]


def _payload(kind: str, told: dict[str, Any]) -> str:
    return json.dumps({"kind": kind, "expires_at": time.time() + 30, **told})


async def worker_of(context: BrowserContext, origin: str) -> PushedWorker:
    """The worker of the profile, once it is active; reached from a page that is not the phone's."""
    devtools = await context.new_cdp_session(await context.new_page())
    active: list[str] = []

    def note(event: Any) -> None:
        active.extend(
            version["registrationId"]
            for version in event["versions"]
            if version["status"] == "activated" and version["scriptURL"].startswith(origin)
        )

    devtools.on("ServiceWorker.workerVersionUpdated", note)
    await devtools.send("ServiceWorker.enable")
    await eventually(lambda: _listed(active), bool)
    [worker] = [each for each in context.service_workers if each.url.startswith(origin)]
    await worker.evaluate(WATCH)
    return PushedWorker(origin, worker, devtools, active[0])


async def _listed(active: list[str]) -> list[str]:
    return active


def call_id() -> str:
    return str(uuid.uuid4())
