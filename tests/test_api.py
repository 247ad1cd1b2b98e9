"""The HTTP API: logins, tokens, the account, its phones and whom it blocks."""

import asyncio
import json
from urllib.parse import urlsplit

import pytest

from signaling.push_rows import Origin
from signaling.records import Records
from signaling.revocations import AccountRemoved, LoginRevoked, PasswordChanged, Revocation
from signaling.shared.push import Provider, Target
from tests.api_client import Client, bearer, error_of, login
from tests.installation import PASSWORD, Clock
from tests.test_history import call_between, timeline_between


class TestLogin:
    async def test_the_right_password_brings_tokens_and_the_account(self, client: Client) -> None:
        answer = await login(client, device={"id": "tab", "platform": "web"}, unknown=True)
        account = answer["account"]
        assert set(answer) == {"token", "expires_at", "refresh_token", "account"}
        assert account == {
            "id": account["id"],
            "name": "alice",
            "address": "alice@phones.test",
            "display_name": "Alice",
            "is_admin": False,
        }
        response = await client.get("/api/account", headers=bearer(answer))
        assert await response.json() == account
        assert response.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("username", ["alice", "nobody", "", "x" * 60_000])
    async def test_a_wrong_password_reads_the_same_for_everybody(
        self, client: Client, username: str
    ) -> None:
        body = {"username": username, "password": "wrong password"}
        error = await error_of(await client.post("/api/login", json=body), 401)
        assert error == {
            "code": "not_authenticated",
            "message": "the name or the password is wrong",
        }

    async def test_failed_logins_are_slowed_and_the_right_password_waits_too(
        self, client: Client, clock: Clock
    ) -> None:
        wrong = {"username": "alice", "password": "wrong password"}
        for name in ("alice", "ALICE", "alice@phones.test", "sip:alice@phones.test", "alice"):
            response = await client.post("/api/login", json=wrong | {"username": name})
            await error_of(response, 401)
        right = {"username": "alice", "password": PASSWORD}
        response = await client.post("/api/login", json=right)
        assert (await error_of(response, 429))["code"] == "too_many"
        assert response.headers["Retry-After"] == "15"
        clock.advance(15)
        await login(client)

    async def test_who_fails_with_one_name_may_still_use_another(self, client: Client) -> None:
        for _ in range(6):
            await client.post("/api/login", json={"username": "bob", "password": "guess one"})
        await login(client)

    async def test_guessing_along_the_names_is_slowed_as_well(self, client: Client) -> None:
        statuses = []
        for number in range(51):
            body = {"username": f"user{number}", "password": "short"}
            statuses.append((await client.post("/api/login", json=body)).status)
        assert statuses == [401] * 50 + [429]

    async def test_right_passwords_are_never_slowed(self, client: Client) -> None:
        for _ in range(10):
            await login(client)

    async def test_beyond_what_the_machine_verifies_at_once_it_is_busy(
        self, client: Client
    ) -> None:
        body = {"username": "alice", "password": PASSWORD}
        posts = [client.post("/api/login", json=body) for _ in range(40)]
        responses = await asyncio.gather(*posts)
        statuses = {response.status for response in responses}
        assert statuses == {200, 503}
        busy = next(response for response in responses if response.status == 503)
        assert (await error_of(busy, 503))["code"] == "busy"
        assert int(busy.headers["Retry-After"]) >= 1
        await login(client)


class TestTokens:
    async def test_a_refresh_token_brings_new_tokens(self, client: Client) -> None:
        first = await login(client)
        body = {"refresh_token": first["refresh_token"]}
        response = await client.post("/api/token", json=body)
        second = await response.json()
        assert second["account"] == first["account"]
        assert second["refresh_token"] != first["refresh_token"]
        assert (await client.get("/api/account", headers=bearer(second))).status == 200

    async def test_a_made_up_refresh_token_is_refused(self, client: Client) -> None:
        response = await client.post("/api/token", json={"refresh_token": "made.up"})
        await error_of(response, 401)
        assert response.headers["WWW-Authenticate"] == "Bearer"

    @pytest.mark.parametrize("by", ["refresh token", "access token"])
    async def test_logging_out_ends_the_login_and_its_sessions(
        self, client: Client, records: Records, by: str
    ) -> None:
        told: list[Revocation] = []
        records.revocations.listen(told.append)
        answer = await login(client, device={"id": "tab"})
        if by == "refresh token":
            body = {"refresh_token": answer["refresh_token"]}
            response = await client.post("/api/logout", json=body)
        else:
            response = await client.post("/api/logout", headers=bearer(answer))
        assert response.status == 204
        (revoked,) = told
        assert isinstance(revoked, LoginRevoked)
        assert (revoked.account, revoked.device) == (answer["account"]["id"], "tab")
        await error_of(await client.get("/api/account", headers=bearer(answer)), 401)

    async def test_logging_out_without_any_token_is_refused(self, client: Client) -> None:
        await error_of(await client.post("/api/logout", json={}), 401)

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/api/account"),
            ("DELETE", "/api/account"),
            ("POST", "/api/account/password"),
            ("GET", "/api/account/export"),
            ("GET", "/api/blocked"),
            ("POST", "/api/blocked"),
            ("DELETE", "/api/blocked/bob"),
            ("GET", "/api/phones"),
            ("POST", "/api/phones"),
            ("DELETE", "/api/phones/1"),
        ],
    )
    async def test_nothing_of_an_account_without_its_token(
        self, client: Client, method: str, path: str
    ) -> None:
        await error_of(await client.request(method, path), 401)
        for header in ("", "Bearer", "Bearer x.y", "Basic YTpi"):
            headers = {"Authorization": header}
            await error_of(await client.request(method, path, headers=headers), 401)


class TestAccount:
    async def test_a_new_password_ends_every_login_and_brings_a_new_one(
        self, client: Client, records: Records
    ) -> None:
        told: list[Revocation] = []
        records.revocations.listen(told.append)
        before = await login(client, device={"id": "tab"})
        body = {"password": PASSWORD, "new_password": "another password"}
        url = "/api/account/password"
        response = await client.post(url, json=body, headers=bearer(before))
        after = await response.json()
        assert told == [PasswordChanged(before["account"]["id"])]
        await error_of(await client.get("/api/account", headers=bearer(before)), 401)
        principal = await records.logins.authenticate(after["token"])
        assert principal.device == "tab"
        await login(client, "another password")

    async def test_a_new_password_needs_the_present_one(self, client: Client) -> None:
        headers = bearer(await login(client))
        body = {"password": "wrong password", "new_password": "another password"}
        url = "/api/account/password"
        await error_of(await client.post(url, json=body, headers=headers), 403)
        await login(client)

    async def test_a_new_password_too_short_is_refused_in_words(self, client: Client) -> None:
        headers = bearer(await login(client))
        body = {"password": PASSWORD, "new_password": "short"}
        response = await client.post("/api/account/password", json=body, headers=headers)
        error = await error_of(response, 422)
        assert error == {"code": "invalid", "message": "a password has 8 to 256 characters"}

    async def test_an_account_may_leave(self, client: Client, records: Records) -> None:
        told: list[Revocation] = []
        records.revocations.listen(told.append)
        answer = await login(client)
        response = await client.delete("/api/account", headers=bearer(answer))
        assert response.status == 204
        assert told == [AccountRemoved(answer["account"]["id"], "alice@phones.test")]
        await error_of(await client.get("/api/account", headers=bearer(answer)), 401)

    async def test_the_export_holds_everything_and_no_secret(
        self, client: Client, records: Records
    ) -> None:
        answer = await login(client, device={"id": "tab"})
        phone = await (await client.post("/api/phones", json={}, headers=bearer(answer))).json()
        origin = Origin(answer["account"]["id"], "sip-1", phone=phone["id"])
        target = Target(Provider.FCM, "project", token="the-token-of-a-phone")
        await records.push_targets.replace(origin, [target])
        alice = await records.accounts.find_named("alice")
        bob = await records.accounts.add("bob", PASSWORD)
        await records.history.write(call_between("1", alice, bob), timeline_between(alice, bob))
        await records.recordings.begin("1", alice.id, bob.id)
        response = await client.get("/api/account/export", headers=bearer(answer))
        exported = await response.json()
        assert set(exported) == {
            *("account", "phones", "devices", "push_targets", "logins", "blocked", "contacts"),
            *("recordings", "calls"),
        }
        assert [each["call"] for each in exported["recordings"]] == ["1"]
        assert exported["account"]["name"] == "alice"
        assert [each["id"] for each in exported["phones"]] == [phone["id"]]
        assert [each["device"] for each in exported["logins"]] == ["tab"]
        assert [each["app"] for each in exported["push_targets"]] == ["project"]
        (call,) = exported["calls"]
        assert [hop["what"] for hop in call["timeline"]] == ["called"]
        for secret in (phone["secret"], answer["refresh_token"], "argon2", "the-token-of-a"):
            assert secret not in json.dumps(exported)


class TestPhones:
    async def test_a_phone_is_added_listed_and_removed(
        self, client: Client, records: Records
    ) -> None:
        headers = bearer(await login(client))
        response = await client.post("/api/phones", json={"name": "kitchen"}, headers=headers)
        assert response.status == 201
        added = await response.json()
        assert (added["username"], added["domain"]) == ("alice", "phones.test")
        assert len(added["secret"]) == 24
        assert added["proxy"] == "sip:127.0.0.1:5060;transport=udp"
        settings = urlsplit(added["provisioning"]["url"]).path
        assert added["secret"] in await (await client.get(settings)).text()
        listed = (await (await client.get("/api/phones", headers=headers)).json())["phones"]
        assert [(phone["id"], phone["name"]) for phone in listed] == [(added["id"], "kitchen")]
        assert added["secret"] not in json.dumps(listed)
        response = await client.delete(f"/api/phones/{added['id']}", headers=headers)
        assert response.status == 204
        assert await records.phones.credentials("alice") == []

    async def test_the_list_tells_which_phones_are_registered(
        self, client: Client, registered: set[str]
    ) -> None:
        headers = bearer(await login(client))
        await client.post("/api/phones", json={"name": "kitchen"}, headers=headers)
        desk = await client.post("/api/phones", json={"name": "desk"}, headers=headers)
        registered.add((await desk.json())["id"])
        listed = (await (await client.get("/api/phones", headers=headers)).json())["phones"]
        assert {phone["name"]: phone["registered"] for phone in listed} == {
            "kitchen": False,
            "desk": True,
        }

    async def test_a_phone_of_another_is_not_found(self, client: Client, records: Records) -> None:
        bob = await records.accounts.add("bob", PASSWORD)
        phone, _ = await records.phones.add(bob)
        headers = bearer(await login(client))
        url = f"/api/phones/{phone.id}"
        await error_of(await client.delete(url, headers=headers), 404)
        assert len(await records.phones.all(bob.id)) == 1

    async def test_a_phone_too_many_is_a_conflict(self, client: Client) -> None:
        headers = bearer(await login(client))
        for _ in range(16):
            await client.post("/api/phones", json={}, headers=headers)
        response = await client.post("/api/phones", json={}, headers=headers)
        assert (await error_of(response, 409))["code"] == "conflict"


class TestBlocked:
    async def test_an_address_is_blocked_and_let_in_again(self, client: Client) -> None:
        headers = bearer(await login(client))
        response = await client.post("/api/blocked", json={"address": "sip:Bob"}, headers=headers)
        assert response.status == 201
        block = await response.json()
        assert block["address"] == "bob@phones.test"
        listed = await (await client.get("/api/blocked", headers=headers)).json()
        assert listed == {"blocked": [block]}
        response = await client.delete("/api/blocked/bob@phones.test", headers=headers)
        assert response.status == 204
        response = await client.delete("/api/blocked/bob@phones.test", headers=headers)
        await error_of(response, 404)

    async def test_what_is_no_address_is_refused_in_words(self, client: Client) -> None:
        headers = bearer(await login(client))
        response = await client.post("/api/blocked", json={"address": "@"}, headers=headers)
        assert "cannot be blocked" in (await error_of(response, 422))["message"]
