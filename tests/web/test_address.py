"""Addresses as people type and read them."""

import pytest
from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.mark.parametrize(
    ("typed", "dialled"),
    [
        (" bob ", "bob"),
        ("bob@wsphone.local", "bob@wsphone.local"),
        ("sip:bob@wsphone.local", "sip:bob@wsphone.local"),
        ("+49 (30) 123-456/7", "+49301234567"),
        ("*98#", "*98#"),
        ("anna-lena", "anna-lena"),
        ("", None),
        ("   ", None),
        ("two words", None),
        ("x" * 257, None),
    ],
)
async def test_what_is_typed_becomes_what_is_dialled(
    page: Page, typed: str, dialled: str | None
) -> None:
    script = "async (typed) => (await import('/address.js')).dialable(typed)"
    assert await page.evaluate(script, typed) == dialled


@pytest.mark.parametrize(
    ("name", "address", "title", "detail", "initials"),
    [
        ("Bob Example", "bob@wsphone.local", "Bob Example", "bob@wsphone.local", "BE"),
        ("", "sip:bob@wsphone.local;transport=udp", "bob", "bob@wsphone.local", "B"),
        (None, "+4930123", "+4930123", "", ""),
        ("Žofie", "zofie@wsphone.local", "Žofie", "zofie@wsphone.local", "Ž"),
    ],
)
async def test_a_party_is_shown_by_name_and_address(
    page: Page, name: str | None, address: str, title: str, detail: str, initials: str
) -> None:
    script = "async (party) => (await import('/address.js')).shown(party)"
    shown = await page.evaluate(script, {"name": name, "address": address})
    assert shown == {"title": title, "detail": detail, "initials": initials}
