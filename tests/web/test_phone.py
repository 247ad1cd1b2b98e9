"""Two phones in one page: calls, media generations, and the races between them."""

from typing import Any

import pytest
from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def lab(page: Page, body: str) -> Any:
    """Run a script that has the lab's parts by name."""
    names = "{ Switch, fail, talking, tone, until }"
    return await page.evaluate(f"async () => {{ const {names} = await import('/lab.js'); {body} }}")


async def test_two_phones_talk_and_both_report_it(page: Page) -> None:
    told = await lab(
        page,
        """
        const { line, a, b } = await talking();
        return {
          states: [a.state, b.state],
          tracks: [a.remoteStream.getTracks().length, b.remoteStream.getTracks().length],
          reports: line.asked.filter(([, method]) => method === 'media.state')
            .map(([who, , params]) => [who, params.media, params.state]).sort(),
        };""",
    )
    assert told == {
        "states": ["talking", "talking"],
        "tracks": [1, 1],
        "reports": [["alice", 1, "connected"], ["bob", 1, "connected"]],
    }


async def test_an_offer_names_what_phones_and_browsers_share(page: Page) -> None:
    sdp = await lab(page, "return (await talking()).line.started.offer;")
    maps = [line.split(" ")[1].split("/")[0] for line in sdp.splitlines() if "a=rtpmap:" in line]
    assert [name for name in maps if name != "telephone-event"] == ["opus", "PCMU", "PCMA", "G722"]
    assert "telephone-event" in maps


async def test_a_dead_path_is_replaced_under_the_same_stream(page: Page) -> None:
    told = await lab(
        page,
        """
        const { a, b } = await talking();
        const stream = b.remoteStream;
        const [before] = stream.getTracks();
        fail(b);
        const lost = b.sound;
        await until(() => a.sound === 'connected' && b.sound === 'connected');
        const [after, ...more] = stream.getTracks();
        const media = [a, b].map((call) => call.snapshot().media);
        return [lost, media, before !== after, more.length];""",
    )
    assert told == ["lost", [2, 2], True, 0]


async def test_a_path_that_hears_nothing_in_a_new_network_is_replaced(page: Page) -> None:
    told = await lab(
        page,
        """
        const { alice, a, b } = await talking();
        alice.phone.nudge();
        await new Promise((resolve) => setTimeout(resolve, 1200));
        const alive = a.snapshot().media;
        a.pc.getStats = async () => new Map([['P', { type: 'candidate-pair', bytesReceived: 7 }]]);
        alice.phone.opened({ resumed: true, server: {}, calls: [], ice_servers: [] }, false);
        await until(() => a.sound === 'lost');
        await until(() => a.sound === 'connected' && b.sound === 'connected');
        return [alive, a.snapshot().media, b.snapshot().media];""",
    )
    assert told == [1, 2, 2]


async def test_sound_before_the_answer_silences_the_ringing_tone_until_it_ends(page: Page) -> None:
    """The phones of the lab answer at once: bob's answer comes to alice before its time."""
    told = await lab(
        page,
        """
        const line = new Switch();
        const { phone: alice } = line.add('alice');
        const { phone: bob } = line.add('bob');
        await alice.dial('bob');
        const call = alice.active;
        await until(() => alice.tone === 'ringback');
        const tones = [];
        const progress = (more) => {
          alice.event('call.progress', { call: call.id, ...more });
          tones.push([call.state, alice.tone]);
        };
        const tell = line.tell.bind(line);
        const held = new Promise((resolve) => {
          line.tell = (who, method, params) =>
            method === 'call.answered' ? resolve(params) : tell(who, method, params);
        });
        await until(() => bob.incoming.length === 1);
        await bob.accept(bob.incoming[0]);
        const { media, answer } = await held;
        progress({ state: 'early', media, answer });
        await until(() => call.sound === 'connected');
        const [track] = call.remoteStream.getTracks();
        progress({ state: 'ringing' });
        progress({ state: 'early' });
        alice.event('call.answered', { call: call.id, media, answer: null });
        return {
          tones, state: call.state, tone: alice.tone, media: call.snapshot().media,
          same: call.remoteStream.getTracks()[0] === track,
        };""",
    )
    assert told == {
        "tones": [["ringing", None], ["ringing", "ringback"], ["ringing", None]],
        "state": "talking",
        "tone": None,
        "media": 1,
        "same": True,
    }


async def test_two_offers_at_once_end_in_one_path(page: Page) -> None:
    told = await lab(
        page,
        """
        const { a, b } = await talking();
        for (const call of [a, b]) fail(call);
        await until(() => [a, b].every((call) => call.snapshot().media > 1));
        await until(() => [a, b].every((call) => call.sound === 'connected'));
        return [a, b].map((call) => [call.state, call.snapshot().media]);""",
    )
    assert told[0] == told[1]
    assert told[0][0] == "talking"


async def test_an_offer_that_meets_another_is_made_again(page: Page) -> None:
    told = await lab(
        page,
        """
        const { line, a, b } = await talking();
        line.refusals = 2;
        fail(a);
        await until(() => line.refusals < 0);
        await until(() => [a, b].every((call) => call.sound === 'connected'));
        return [a, b].map((call) => [call.state, call.snapshot().media]);""",
    )
    assert told == [["talking", 4], ["talking", 4]]


async def test_a_reload_goes_on_with_the_call_as_it_was(page: Page) -> None:
    told = await lab(
        page,
        """
        const { line, alice, a, b } = await talking();
        a.setMuted(true);
        await a.press('5');
        const back = line.add('alice', { stored: alice.store.calls });
        a.pc.close();
        const [again] = back.phone.calls();
        back.phone.opened({ resumed: true, server: {}, calls: [], ice_servers: [] }, true);
        await until(() => again.sound === 'connected' && b.snapshot().media === 2);
        await again.press('6');
        const digits = line.asked.filter(([, method]) => method === 'call.dtmf');
        return {
          state: again.state, muted: again.muted,
          digits: digits.map(([, , params]) => [params.n, params.digits]),
        };""",
    )
    assert told == {"state": "talking", "muted": True, "digits": [[0, "5"], [1, "6"]]}


async def test_a_second_call_is_refused_as_busy_and_the_first_goes_on(page: Page) -> None:
    told = await lab(
        page,
        """
        const { line, bob, b } = await talking();
        const from = { address: 'carol' };
        bob.phone.event('call.incoming', { call: 'second', from, ring_seconds: 30 });
        const sounds = bob.phone.tone;
        bob.phone.decline(bob.phone.incoming[0]);
        const rejected = line.asked.find(([, method]) => method === 'call.reject');
        return [sounds, rejected[2].reason, bob.phone.incoming.length, b.state];""",
    )
    assert told == ["knock", "busy", 0, "talking"]


async def test_without_a_microphone_the_call_rings_on_unclaimed(page: Page) -> None:
    told = await lab(
        page,
        """
        const line = new Switch();
        const { phone } = line.add('bob', { microphone: () => Promise.reject(new Error('no')) });
        phone.event('call.incoming', { call: 'x', from: { address: 'alice' }, ring_seconds: 30 });
        const failure = await phone.accept(phone.incoming[0]).catch((error) => error.message);
        const asked = line.asked.map(([, method]) => method);
        return [failure, phone.incoming[0].state, phone.tone, asked];""",
    )
    assert told == ["no", "incoming", "ring", ["call.ringing"]]


async def test_an_event_that_comes_late_changes_nothing(page: Page) -> None:
    told = await lab(
        page,
        """
        const { a, b } = await talking();
        a.progressed({ state: 'ringing' });
        b.answered({ media: 1, answer: null });
        const talked = [a.state, b.state];
        a.end('hangup', 'callee', 3);
        for (const late of ['progressed', 'answered', 'offered', 'trickled']) {
          a[late]({ media: 9, offer: '', answer: '', candidates: [], state: 'ringing' });
        }
        a.end('error', 'server', 0);
        await b.hangUp();
        return [talked, a.state, a.reason, a.by, a.seconds, a.pc];""",
    )
    assert told == [["talking", "talking"], "ended", "hangup", "callee", 3, None]


async def test_hanging_up_is_silent_at_once_and_tells_both(page: Page) -> None:
    told = await lab(
        page,
        """
        const { alice, bob, a, b } = await talking();
        b.hangUp();
        const silent = b.pc === null;
        await until(() => a.state === 'ended' && b.state === 'ended');
        const left = alice.phone.calls().length + alice.store.calls.length;
        return [silent, a.reason, b.reason, a.by, b.by, left, alice.phone.ended === a];""",
    )
    assert told == [True, "hangup", "hangup", "callee", "callee", 0, True]


async def test_who_talked_is_told_once_that_it_is_over(page: Page) -> None:
    told = await lab(
        page,
        """
        const { line, a, b } = await talking();
        b.hangUp();
        await until(() => a.state === 'ended' && b.state === 'ended');
        a.end('error', 'server', 0);
        return line.over.map(([who]) => who).sort();""",
    )
    assert told == ["alice", "bob"]


async def test_an_offer_is_made_while_the_microphone_opens_and_gathers_nothing(page: Page) -> None:
    told = await lab(
        page,
        """
        const line = new Switch();
        let give;
        const microphone = () => new Promise((resolve) => { give = resolve; });
        const { phone } = line.add('alice', { microphone });
        void phone.dial('bob');
        const { pc } = phone.active;
        await until(() => give);
        await pc.createOffer();
        const before = [pc.signalingState, pc.iceGatheringState, line.asked.length];
        const stream = await tone();
        give(stream);
        await until(() => pc.iceGatheringState !== 'new' && pc.getSenders()[0].track);
        const sent = pc.getSenders()[0].track === stream.getTracks()[0];
        return [before, line.asked[0][1], sent, line.started.offer.includes('a=candidate')];""",
    )
    assert told == [["stable", "new", 0], "call.start", True, False]


async def test_whoever_gets_no_microphone_leaves_no_peer_connection_behind(page: Page) -> None:
    told = await lab(
        page,
        """
        const line = new Switch();
        const microphone = () => Promise.reject(new Error('no'));
        const { phone } = line.add('alice', { microphone });
        const dialled = phone.dial('bob').catch((error) => error.message);
        const { pc } = phone.active;
        return [await dialled, pc.signalingState, line.asked.length];""",
    )
    assert told == ["no", "closed", 0]


async def test_a_peer_connection_that_was_made_ahead_serves_one_call(page: Page) -> None:
    told = await lab(
        page,
        """
        const made = [];
        window.RTCPeerConnection = new Proxy(RTCPeerConnection, {
          construct(Real, facts) { made.push(new Real(...facts)); return made.at(-1); },
        });
        const line = new Switch();
        const { phone } = line.add('alice');
        phone.prepare();
        phone.prepare();
        const ahead = made.length;
        await phone.dial('bob');
        const first = phone.active.pc === made[0];
        phone.prepare();
        const during = made.length;
        phone.active.hangUp();
        await until(() => phone.calls().length === 0);
        await phone.dial('bob');
        return [ahead, first, during, made.length, phone.active.pc === made[1]];""",
    )
    assert told == [1, True, 1, 2, True]


@pytest.mark.parametrize(
    "told_by",
    [
        "phone.opened({ resumed: false, server: {}, calls: [], ice_servers }, false)",
        "phone.event('session.ice_servers', { ice_servers, seconds: 60 })",
    ],
)
async def test_new_servers_for_ice_put_what_was_made_ahead_away(page: Page, told_by: str) -> None:
    told = await lab(
        page,
        f"""
        const {{ phone }} = new Switch().add('alice');
        phone.prepare();
        const urls = 'turn:127.0.0.1:3478';
        const ice_servers = [{{ urls, username: 'u', credential: 'p' }}];
        {told_by};
        void phone.dial('bob');
        return phone.active.pc.getConfiguration().iceServers.map((server) => server.urls);""",
    )
    assert told == [["turn:127.0.0.1:3478"]]


async def test_the_next_generation_of_media_uses_renewed_servers(page: Page) -> None:
    told = await lab(
        page,
        """
        const { alice, a } = await talking();
        const first = a.pc;
        const ice_servers = [{ urls: 'stun:127.0.0.1:3478' }];
        alice.phone.event('session.ice_servers', { ice_servers, seconds: 60 });
        fail(a);
        await until(() => a.pc !== first && a.sound === 'connected');
        return [first, a.pc].map((pc) => pc.getConfiguration().iceServers.length);""",
    )
    assert told == [0, 1]


async def test_keys_of_the_other_side_are_kept_until_they_were_read(page: Page) -> None:
    told = await page.evaluate(
        """async () => {
          const { KeysHeard } = await import('/keys_heard.js');
          const real = window.setTimeout;
          const timers = [];
          window.setTimeout = (step, ms) => timers.push([step, ms]);
          let changes = 0;
          const keys = new KeysHeard(() => { changes += 1; });
          keys.add('1');
          keys.add('2'.repeat(30));
          const kept = keys.digits;
          timers.at(-1)[0]();
          window.setTimeout = real;
          return [kept, timers.at(-1)[1], keys.digits, changes];
        }"""
    )
    assert told == ["2" * 24, 6_000, "", 3]


async def test_a_call_that_never_was_is_over_for_nobody(page: Page) -> None:
    told = await lab(
        page,
        """
        const line = new Switch();
        const microphone = () => Promise.reject(new Error('no'));
        const { phone } = line.add('alice', { microphone });
        const failure = await phone.dial('bob').catch((error) => error.message);
        return [failure, phone.calls().length, phone.ended, line.over];""",
    )
    assert told == ["no", 0, None, []]


async def test_another_microphone_takes_over_in_the_middle_of_a_call(page: Page) -> None:
    told = await lab(
        page,
        """
        const { a, b } = await talking();
        const sent = () => a.pc.getSenders()[0].track;
        const before = sent();
        await a.changeMicrophone();
        return [before.readyState, sent().readyState, sent() !== before, b.sound];""",
    )
    assert told == ["ended", "live", True, "connected"]


async def test_figures_of_the_server_reach_their_call(page: Page) -> None:
    mos = await lab(
        page,
        """
        const { alice, a } = await talking();
        const stream = { packets: 100, lost: 0, mos: 4.2 };
        const figures = { call: a.id, sent: stream, received: stream };
        alice.phone.event('call.figures', figures);
        return a.figures.sent.mos;""",
    )
    assert mos == 4.2
