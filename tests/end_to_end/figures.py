"""The figures of a running process, as Prometheus reads them."""

import aiohttp
from prometheus_client.parser import text_string_to_metric_families


async def figure(url: str, name: str) -> float | None:
    """The sum of a figure over its labels; None where it is not told of."""
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as response:
        families = text_string_to_metric_families(await response.text())
    samples = [each.value for family in families for each in family.samples if each.name == name]
    return sum(samples) if samples else None
