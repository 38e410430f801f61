"""What happens in the availability benchmark: which requests come, and what each endpoint does with them, by the second.

Everything here is decided in advance and knows no clock: a scene is a list of requests, and a script per endpoint that says what it does
with a request at a time. The endpoints play the script (availability_wire.py), and the score asks the same script whether an endpoint
would have served a request (availability_score.py).
"""

import dataclasses
import json
import random
from collections.abc import Callable

RATE = 40
"""Requests per second. They come whether or not the ones before have been answered."""

NAMES = ("first", "second", "third")
QUICK, USUAL, SLOW = 0.004, 0.03, 0.3
"""Seconds until an answer begins: of a refusal, of an endpoint, and of one that thinks longer than the other needs to refuse."""


@dataclasses.dataclass(frozen=True)
class Ask:
    """One request. It is named in its own body, since proxies write their own headers."""

    number: int
    api: str = "messages"
    stream: bool = True
    model: str = "a"
    poison: int = 0
    """The status by which every endpoint refuses it; 0 is a good request."""
    upload: float = 0
    """Seconds that its body takes."""

    @property
    def identity(self):
        return f"request-{self.number:06}"

    @property
    def path(self):
        return "/v1/messages" if self.api == "messages" else "/v1/chat/completions"

    def body(self, model=None):
        """With MODEL instead of its own name, for a proxy that has names of its own for groups of endpoints."""
        filler = " and so on" * (4_000 if self.upload else 30)
        return json.dumps({
            "model": model or f"model-{self.model}", "max_tokens": 100, "stream": self.stream,
            "messages": [{"role": "user", "content": f"{self.identity}: say who you are{filler}"}]}).encode()


@dataclasses.dataclass(frozen=True)
class Reaction:
    """What an endpoint does with one request.

    `good` answers it. `status` says STATUS with TEXT. `error` begins an answer and says then that it is overloaded; `empty` begins one and
    ends it as a good one ends, without a word; `broken` begins one and closes. Asked for no stream these three are an error object in
    a 200, an answer without content, and half an answer. `down` does not even listen.
    """

    kind: str
    seconds: float = QUICK
    status: int = 200
    text: str = ""
    media: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


Rule = Callable[[Ask], Reaction] | Reaction

GOOD = Reaction("good", USUAL)
DOWN = Reaction("down")


def refusal(status, kind, message, code=None, **more):
    """The error object that both APIs' readers understand."""
    error = {"type": kind, "message": message, **({"code": code} if code else {})}
    return Reaction("status", status=status, text=json.dumps({"type": "error", "error": error}), **more)


FAILED = refusal(500, "api_error", "Internal server error")
AWAY = refusal(503, "api_error", "Service unavailable")


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A script: from each time on, what is done with a request that has arrived whole."""

    phases: tuple[tuple[float, Rule], ...]
    impatience: float | None = None
    """Seconds that it waits for the whole request; then it says 408 and closes."""

    def rule(self, time):
        return next((rule for begin, rule in reversed(self.phases) if begin <= time), self.phases[0][1])

    def reaction(self, ask, time):
        rule = self.rule(time)
        return rule if isinstance(rule, Reaction) else rule(ask)

    @property
    def changes(self):
        return [begin for begin, _ in self.phases]


def always(rule, **more):
    return Endpoint(((0, rule),), **more)


@dataclasses.dataclass(frozen=True)
class Scene:
    name: str
    says: str
    endpoints: tuple[Endpoint, ...]
    asks: tuple[Ask, ...]
    seconds: float
    stays: Callable[[Ask], bool] | None = None
    """The requests that the first endpoint serves well, and which have no reason to be answered elsewhere."""
    faults: bool = True
    """Whether an endpoint does something bad in it, whatever the proxy does. If it then did nothing bad, the scene has shown nothing."""

    def would_serve(self, ask, begin, end):
        """Whether an endpoint would have served the request at a time between its sending and its end."""
        times = [begin] + [time for endpoint in self.endpoints for time in endpoint.changes if begin < time <= end]
        return any(endpoint.reaction(ask, time).kind == "good" for endpoint in self.endpoints for time in times)


def asks(seconds, more=lambda number: {}):
    """Both APIs, streaming or not, two models, in all combinations by turns; MORE says what else the one of that number is."""
    return tuple(
        Ask(number, api=("messages", "chat")[number % 2], stream=number // 2 % 2 == 0, model="ab"[number // 4 % 2], **more(number))
        for number in range(round(seconds * RATE)))


def alternating(count, period, seconds):
    """Exactly one works, and which one changes. The others are down, say 500 or say 503, by turns."""
    seconds = max(seconds, period * (count + 1))
    bad = (FAILED, AWAY, DOWN)
    endpoints = tuple(
        Endpoint(tuple(
            (turn * period, GOOD if turn % count == place else bad[(turn + (place - turn) % count) % 3])
            for turn in range(int(seconds // period) + 1)))
        for place in range(count))
    return Scene(f"alternating-{count}-{period}s", f"one of {count} works, another one every {period} s", endpoints, asks(seconds), seconds)


def outage(length):
    """The better one is out for a while: it says 503, then nobody listens, then it says 500."""
    begin, seconds = 5, 5 + length + 10
    first = Endpoint(((0, GOOD), (begin, AWAY), (begin + length / 3, DOWN), (begin + 2 * length / 3, FAILED), (begin + length, GOOD)))
    return Scene(f"outage-{length:g}s", f"the first is out for {length:g} s", (first, always(Reaction("good", 2 * USUAL))),
                 asks(seconds), seconds)


def missing_model(status):
    def rule(ask):
        return (refusal(status, "not_found_error", f"model: model-{ask.model}") if ask.api == "messages" else
                refusal(status, "invalid_request_error", f"The model `model-{ask.model}` does not exist or you do not have access to it.",
                        "model_not_found"))
    return rule


REFUSALS = {
    "402": refusal(402, "billing_error", "Your credit balance is too low"),
    "404": missing_model(404),
    "400": missing_model(400),
    "html": Reaction("status", text="<html><body><h1>502 Bad Gateway</h1></body></html>", media="text/html"),
    "error-200": refusal(200, "new_api_error", "no available channel, please try again later"),
}


def refusing(name, seconds):
    """One refuses at once what the other answers in 300 ms."""
    return Scene(f"refusal-{name}", f"the first answers {name} in 4 ms, the second works in 300 ms",
                 (always(REFUSALS[name]), always(Reaction("good", SLOW))), asks(seconds), seconds)


def refusing_second(seconds):
    """The one that refuses stands second, and becomes known while the first fails for a moment."""
    first = Endpoint(((0, Reaction("good", SLOW)), (2, FAILED), (2.5, Reaction("good", SLOW))))
    late = always(lambda ask: REFUSALS["402"])
    third = always(Reaction("good", SLOW))
    return Scene("refusal-402-second", "the first works in 300 ms but for half a second, the second answers 402 in 4 ms, a third works",
                 (first, late, third), asks(seconds), seconds)


def within(kind, says, seconds, streams=(True, False), name=None):
    """What the first does with requests for a stream, and with those for none; it answers the others well."""
    def rule(ask):
        return Reaction(kind) if ask.stream in streams else Reaction("good", SLOW)
    return Scene(name or f"stream-{kind}", says, (always(rule), always(Reaction("good", SLOW))), asks(seconds), seconds)


def poison(seconds):
    """A tenth of the requests fail everywhere: half of them as the client's fault, half as the endpoints'."""
    draw = random.Random(7)
    bad = {number: draw.choice((400, 500)) for number in range(round(seconds * RATE)) if draw.random() < 0.1}

    def rule(good):
        return lambda ask: {0: good, 400: refusal(400, "invalid_request_error", "messages.0.content: not to be read"),
                            500: FAILED}[ask.poison]
    return Scene("poison", "a tenth of the requests fail everywhere (400 or 500)",
                 (always(rule(GOOD)), always(rule(Reaction("good", 2 * USUAL)))),
                 asks(seconds, lambda number: {"poison": bad.get(number, 0)}), seconds)


def uploads(impatient, seconds):
    """Every fourth request takes 2 to 5 s to be sent; with an impatient first endpoint, longer than that waits."""
    draw = random.Random(11)
    times = {number: draw.uniform(2, 5) for number in range(0, round(seconds * RATE), 4)}
    name, says = (("uploads-impatient", "a quarter of the requests is sent over 2 to 5 s, and the first endpoint waits 1 s for them")
                  if impatient else ("uploads", "a quarter of the requests is sent over 2 to 5 s"))
    return Scene(name, says, (always(GOOD, impatience=1 if impatient else None), always(Reaction("good", 5 * USUAL))),
                 asks(seconds, lambda number: {"upload": times.get(number, 0)}), seconds,
                 stays=lambda ask: not (impatient and ask.upload), faults=False)


def limited(seconds):
    """One model is limited at the better endpoint for longer than the scene."""
    limit = refusal(429, "rate_limit_error", "Number of requests has exceeded your rate limit", headers=(("Retry-After", "120"),))
    return Scene("model-limited", "the first answers 429 with Retry-After for one of two models",
                 (always(lambda ask: limit if ask.model == "a" else GOOD), always(Reaction("good", 5 * USUAL))),
                 asks(seconds), seconds, stays=lambda ask: ask.model == "b")


def scenes(seconds, outage_seconds):
    return [
        alternating(2, 3, seconds), alternating(2, 8, seconds), alternating(3, 3, seconds), alternating(3, 8, seconds),
        outage(outage_seconds),
        *(refusing(name, seconds) for name in REFUSALS), refusing_second(seconds),
        within("error", "the first says within its answers that it is overloaded", seconds),
        within("empty", "the first ends its streams without content, and answers well without a stream", seconds, [True]),
        within("empty", "the first answers without content where no stream was asked for, and streams well", seconds, [False], "answer-empty"),
        within("broken", "the first breaks off its answers before content", seconds),
        poison(seconds), uploads(False, seconds), uploads(True, seconds), limited(seconds),
    ]
