"""The availability benchmark counts what it says: its answers, its scripts, and its figures, without any proxy."""

import asyncio
import dataclasses
import json
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "Benchmarks"))

from availability_scenes import DOWN, FAILED, GOOD, Ask, Endpoint, Reaction, Scene, always, asks, scenes  # noqa: E402
from availability_score import Answer, Outcome, Score, broken, invalid, judge, score  # noqa: E402
from availability_wire import Upstream, ask_once, chat_events, chunk, message, messages_events  # noqa: E402

KINDS = [Ask(7, api=api, stream=stream) for api in ("messages", "chat") for stream in (True, False)]


def named(ask):
    return f"{ask.api}-{'stream' if ask.stream else 'whole'}"


def streamed(ask, events):
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(map(chunk, events))


def events(ask, words=("I am request-000007 ", "from second.")):
    begin, pieces, end = (messages_events if ask.api == "messages" else chat_events)(ask, words)
    return begin, pieces, end


def a_whole_answer(ask, words="I am request-000007 from second."):
    if ask.stream:
        begin, pieces, end = events(ask, [words])
        return streamed(ask, begin + pieces + end) + b"0\r\n\r\n"
    content = ({"content": [{"type": "text", "text": words}]} if ask.api == "messages" else
               {"choices": [{"message": {"content": words}}]})
    return message(200, json.dumps(content).encode())


@pytest.mark.parametrize("ask", KINDS, ids=named)
def test_a_whole_answer_is_one(ask):
    assert judge(ask, a_whole_answer(ask)) == Answer(200, None, 1)
    assert judge(ask, b"HTTP/1.1 100 Continue\r\n\r\n" + a_whole_answer(ask)).failure is None


@pytest.mark.parametrize("ask", KINDS, ids=named)
def test_no_beginning_of_an_answer_is_one(ask):
    whole = a_whole_answer(ask)
    for length in range(len(whole)):
        assert judge(ask, whole[:length]).failure, whole[:length]


@pytest.mark.parametrize("ask", KINDS, ids=named)
def test_the_answer_to_another_request_is_none(ask):
    assert judge(dataclasses.replace(ask, number=8), a_whole_answer(ask)).failure == "without content"


@pytest.mark.parametrize("ask", KINDS, ids=named)
def test_statuses_and_what_is_no_http_are_failures(ask):
    assert judge(ask, b"").failure == "no answer"
    assert judge(ask, b"ERR\r\n\r\n").failure == "no HTTP"
    for status in (302, 400, 404, 429, 500, 503):
        assert judge(ask, message(status, b"{}")) == Answer(status, f"status {status}")


@pytest.mark.parametrize("ask", KINDS, ids=named)
def test_an_error_in_a_200_is_a_failure_behind_content_as_well(ask):
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    if not ask.stream:
        assert judge(ask, message(200, json.dumps(error).encode())).failure == "error in a 200"
        return
    begin, pieces, end = events(ask)
    for before in (begin, begin + pieces):
        received = streamed(ask, [*before, f"event: error\ndata: {json.dumps(error)}\n\n", *end]) + b"0\r\n\r\n"
        assert judge(ask, received).failure == "error in a 200"


@pytest.mark.parametrize("ask", [ask for ask in KINDS if ask.stream], ids=named)
def test_a_stream_without_its_last_event_is_broken_off_and_without_words_empty(ask):
    begin, pieces, end = events(ask)
    assert judge(ask, streamed(ask, begin + pieces) + b"0\r\n\r\n").failure == "broken off"
    assert judge(ask, streamed(ask, begin + end) + b"0\r\n\r\n").failure == "without content"


@pytest.mark.parametrize("ask", KINDS, ids=named)
def test_a_page_and_the_other_kind_of_answer_are_none(ask):
    assert judge(ask, message(200, b"<html>", [("Content-Type", "text/html; charset=utf-8")])).failure == "a page"
    other = dataclasses.replace(ask, stream=not ask.stream)
    assert judge(ask, a_whole_answer(other)).failure == "a stream or none, as was not asked for"
    assert judge(ask, message(200, b'{"error":{"message":"no"}}')).failure == "error in a 200"


# Scripts.

def test_of_alternating_endpoints_exactly_one_works_at_any_time_and_the_others_fail_in_every_way():
    for scene in scenes(24, 75)[:4]:
        changes = sorted({time for endpoint in scene.endpoints for time in endpoint.changes})
        seen = set()
        for number in range(int(scene.seconds * 10)):
            kinds = [endpoint.reaction(scene.asks[0], number / 10) for endpoint in scene.endpoints]
            assert [reaction.kind for reaction in kinds].count("good") == 1
            seen |= {reaction.status or 0 if reaction.kind == "status" else reaction.kind for reaction in kinds}
        assert seen == {"good", "down", 500, 503}
        assert len(changes) >= len(scene.endpoints) + 1, "every endpoint has its turn, and the first a second one"


def test_every_scene_asks_in_all_ways_at_the_rate_and_has_an_endpoint_for_each_request_but_the_poison():
    names = set()
    for scene in scenes(24, 75):
        names.add(scene.name)
        assert len(scene.asks) == round(40 * scene.seconds)
        assert {(ask.api, ask.stream, ask.model) for ask in scene.asks} == {
            (api, stream, model) for api in ("messages", "chat") for stream in (True, False) for model in "ab"}
        assert len({ask.identity for ask in scene.asks}) == len(scene.asks)
        for ask in scene.asks:
            assert scene.would_serve(ask, ask.number / 40, ask.number / 40) == (not ask.poison)
    assert len(names) == len(scenes(24, 75))


def test_a_tenth_of_the_requests_is_poison_and_a_quarter_slow():
    by_name = {scene.name: scene for scene in scenes(100, 75)}
    poison = sum(ask.poison > 0 for ask in by_name["poison"].asks)
    assert 0.08 * 4_000 < poison < 0.12 * 4_000
    uploads = [ask.upload for ask in by_name["uploads"].asks if ask.upload]
    assert len(uploads) == 1_000 and min(uploads) >= 2 and max(uploads) <= 5


def test_an_endpoint_would_have_served_what_lived_while_it_was_up():
    scene = Scene("", "", (always(FAILED), Endpoint(((0, DOWN), (5, GOOD), (6, FAILED)))), asks(10), 10)
    ask = scene.asks[0]
    assert not scene.would_serve(ask, 1, 4.9)
    assert scene.would_serve(ask, 1, 5)
    assert scene.would_serve(ask, 1, 9), "it was up for a moment of the request's life"
    assert scene.would_serve(ask, 5.5, 5.6)
    assert not scene.would_serve(ask, 6, 9)


# Figures.

def outcomes(scene, failures=(), attempts=1, taking=0.1, endpoint=0):
    return [Outcome(ask, Answer(503, "status 503") if ask.number in failures or ask.poison else Answer(200, None, endpoint),
                    ask.number / 40, ask.number / 40 + taking + ask.upload, attempts) for ask in scene.asks]


def scene_of(name, seconds=10):
    return next(scene for scene in scenes(seconds, 20) if scene.name == name)


def test_a_scene_that_went_well_has_no_problem():
    for scene in scenes(10, 20):
        result = score(scene, outcomes(scene), faults=5)
        assert not invalid(scene, result) and not broken(scene, result), scene.name
        assert (result.failed, result.most_attempts, result.mean_attempts) == (0, 1, 1)
        assert result.median == pytest.approx(0.1) and result.p95 == pytest.approx(0.1), "the upload is the client's time"


def test_each_failed_request_counts_that_an_endpoint_would_have_served():
    scene = scene_of("refusal-402")
    result = score(scene, outcomes(scene, failures={3, 5, 8}), faults=5)
    assert (result.failed, result.hopeless, dict(result.reasons)) == (3, 0, {"status 503": 3})
    assert broken(scene, result)


def test_poison_that_is_refused_is_no_failure_and_poison_that_was_never_refused_no_measurement():
    scene = scene_of("poison", 30)
    poison = sum(ask.poison > 0 for ask in scene.asks)
    result = score(scene, outcomes(scene), faults=5)
    assert (result.failed, result.hopeless) == (0, poison) and not invalid(scene, result)
    lucky = [dataclasses.replace(outcome, answer=Answer(200, None, 0)) for outcome in outcomes(scene)]
    assert invalid(scene, score(scene, lucky, faults=5))


def test_attempts_beyond_endpoints_and_two_are_a_problem():
    scene = scene_of("refusal-402")
    assert not broken(scene, score(scene, outcomes(scene, attempts=4), faults=5))
    assert broken(scene, score(scene, outcomes(scene, attempts=5), faults=5))


def test_nothing_counted_is_no_success():
    scene = scene_of("refusal-402")
    everything = outcomes(scene)
    assert invalid(scene, score(scene, [], faults=5))
    assert invalid(scene, score(scene, everything[:round(len(everything) * 0.94)], faults=5))
    assert not invalid(scene, score(scene, everything[:round(len(everything) * 0.96)], faults=5))
    assert invalid(scene, score(scene, everything, faults=0)), "no endpoint did anything bad"
    assert invalid(scene, score(scene, outcomes(scene, attempts=0), faults=5)), "no endpoint knows of the answers"


def test_what_leaves_an_endpoint_that_serves_it_well_is_a_problem_from_a_twentieth_on():
    scene = scene_of("model-limited")
    result = score(scene, outcomes(scene, endpoint=1), faults=5)
    assert result.away == result.staying == len(scene.asks) / 2
    assert broken(scene, result)
    result.away = result.staying // 20
    assert not broken(scene, result)


def test_rounds_add_up():
    scene = scene_of("refusal-402")
    total = Score(0)
    for _ in range(2):
        total.add(score(scene, outcomes(scene, failures={1}), faults=5))
    assert (total.planned, total.sent, total.failed, len(total.seconds), total.faults) == (800, 800, 2, 798, 10)


# The endpoints and the clients, on real sockets.

@pytest.mark.parametrize(("reaction", "failure"), [
    (GOOD, None), (FAILED, "status 500"), (Reaction("error"), "error in a 200"), (Reaction("empty"), "without content"),
    (Reaction("broken"), "broken off"), (DOWN, "no answer")], ids=lambda value: getattr(value, "kind", None))
def test_an_endpoint_does_what_its_script_says(reaction, failure):
    async def play():
        upstream = Upstream(0)
        scene = Scene("", "", (always(reaction),), asks(0.2), 0.2)
        upstream.open(scene, time.monotonic())
        playing = asyncio.ensure_future(upstream.play())
        await asyncio.sleep(0)
        try:
            results = await asyncio.gather(*(ask_once(upstream.port, ask, upstream.began) for ask in scene.asks))
        finally:
            await playing
            upstream.stop_listening()
            upstream.close()
        assert [result.answer.failure for result in results] == [failure] * 8
        if reaction is not DOWN:
            assert [upstream.attempts[ask.number] for ask in scene.asks] == [1] * 8
            assert upstream.faults == (8 if failure else 0)
    asyncio.run(play())


def test_an_endpoint_that_went_down_and_came_back_answers_again_and_not_in_between():
    async def play():
        upstream = Upstream(0)
        ask = Ask(0)
        upstream.open(Scene("", "", (always(GOOD),), (ask,), 1), time.monotonic())
        found = []
        for act in (upstream.listen, upstream.stop_listening, upstream.listen):
            act()
            found.append((await ask_once(upstream.port, ask, upstream.began)).answer.failure)
        upstream.stop_listening()
        upstream.close()
        assert found == [None, "no answer", None]
    asyncio.run(play())


def test_an_impatient_endpoint_refuses_what_comes_slowly():
    async def play():
        upstream = Upstream(0)
        ask = Ask(0, upload=0.3)
        upstream.open(Scene("", "", (always(GOOD, impatience=0.1),), (ask,), 1), time.monotonic())
        upstream.listen()
        outcome = await ask_once(upstream.port, ask, upstream.began)
        upstream.stop_listening()
        upstream.close()
        assert (outcome.answer.failure, upstream.attempts[0], upstream.faults) == ("status 408", 1, 1)
    asyncio.run(play())
