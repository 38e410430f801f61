"""Whether an answer is one, and what the requests of a scene come to. Pure: bytes and times in, figures out."""

import collections
import dataclasses
import json
import statistics

from availability_scenes import NAMES

# Fewer requests than this share of what was planned is no measurement.
LEAST_SENT = 0.95
# Of requests that the first endpoint serves well, this share may be answered elsewhere: others are looked at now and then.
MOST_AWAY = 0.05


@dataclasses.dataclass
class Answer:
    """What the client read until the connection was closed. `failure` is None for a whole answer to this very request."""

    status: int
    failure: str | None
    endpoint: int | None = None


def unchunked(body):
    """The content of a chunked body, and whether it is whole."""
    pieces = []
    while True:
        line, separator, body = body.partition(b"\r\n")
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError:
            return b"".join(pieces), False
        if not separator or len(body) < size + 2:
            return b"".join(pieces) + body[:size], False
        if size == 0:
            return b"".join(pieces), True
        pieces.append(body[:size])
        body = body[size + 2:]


def judge(ask, received):
    """What a client would make of these bytes."""
    status, fields, body = 100, {}, received
    while 100 <= status < 200:
        head, separator, body = body.partition(b"\r\n\r\n")
        if not separator:
            return Answer(0, "no answer")
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) < 2 or not words[1].isdigit():
            return Answer(0, "no HTTP")
        status = int(words[1])
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if status >= 300:
        return Answer(status, f"status {status}")
    if "chunked" in fields.get("transfer-encoding", ""):
        body, whole = unchunked(body)
    else:
        whole = "content-length" not in fields or len(body) == int(fields["content-length"])
    media = fields.get("content-type", "")
    if "html" in media:
        return Answer(status, "a page")
    is_stream = "event-stream" in media
    text, error, ended = (streamed if is_stream else complete)(ask, body)
    if error:
        return Answer(status, "error in a 200")
    if is_stream != ask.stream:
        return Answer(status, "a stream or none, as was not asked for")
    if ask.identity not in text:
        return Answer(status, "without content" if ended and whole else "broken off")
    if not (whole and ended):
        return Answer(status, "broken off")
    return Answer(status, None, next((place for place, name in enumerate(NAMES) if f"from {name}." in text), None))


def complete(ask, body):
    """Text, whether it is an error, and whether it is whole; of an answer that is no stream."""
    try:
        answer = json.loads(body)
    except ValueError:
        return "", False, not body
    if not isinstance(answer, dict) or answer.get("error") or answer.get("type") == "error":
        return "", True, True
    if ask.api == "messages":
        return "".join(block.get("text") or "" for block in answer.get("content") or []), False, True
    return "".join((choice.get("message") or {}).get("content") or "" for choice in answer.get("choices") or []), False, True


def streamed(ask, body):
    """The same of a stream: whole is one that had its API's last event."""
    text, ended = [], False
    for event in body.decode("utf-8", "replace").replace("\r\n", "\n").split("\n\n"):
        data = "\n".join(line[5:].strip() for line in event.split("\n") if line.startswith("data:"))
        if data == "[DONE]":
            ended = True
            continue
        try:
            value = json.loads(data) if data else None
        except ValueError:
            continue
        if not isinstance(value, dict):
            continue
        if value.get("error") or value.get("type") == "error":
            return "", True, ended
        if ask.api == "messages":
            text.append((value.get("delta") or {}).get("text") or "")
            ended = ended or value.get("type") == "message_stop"
        else:
            text.extend((choice.get("delta") or {}).get("content") or "" for choice in value.get("choices") or [])
    return "".join(text), False, ended


@dataclasses.dataclass
class Outcome:
    """One request: what came of it, and when it was sent and over, in seconds of the scene."""

    ask: object
    answer: Answer
    begin: float
    end: float
    attempts: int = 0


@dataclasses.dataclass
class Score:
    """What a scene was for one proxy."""

    planned: int
    sent: int = 0
    failed: int = 0
    """Requests that failed though an endpoint would have served them at a time between their sending and their end."""
    hopeless: int = 0
    """Requests that failed, and which no endpoint would have served: the poison."""
    reasons: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    attempts: list = dataclasses.field(default_factory=list)
    seconds: list = dataclasses.field(default_factory=list)
    staying: int = 0
    away: int = 0
    faults: int = 0
    """What the endpoints did badly."""
    unseen: int = 0
    """Answers that no endpoint knows of: then the counting is wrong."""

    @property
    def median(self):
        return statistics.median(self.seconds) if self.seconds else float("nan")

    @property
    def p95(self):
        return sorted(self.seconds)[int(0.95 * (len(self.seconds) - 1))] if self.seconds else float("nan")

    @property
    def most_attempts(self):
        return max(self.attempts, default=0)

    @property
    def mean_attempts(self):
        return statistics.fmean(self.attempts) if self.attempts else 0

    def add(self, other):
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def score(scene, outcomes, faults):
    result = Score(len(scene.asks), sent=len(outcomes), faults=faults)
    for outcome in outcomes:
        result.attempts.append(outcome.attempts)
        if outcome.answer.failure:
            if scene.would_serve(outcome.ask, outcome.begin, outcome.end):
                result.failed += 1
                result.reasons[outcome.answer.failure] += 1
            else:
                result.hopeless += 1
            continue
        result.seconds.append(outcome.end - outcome.begin - outcome.ask.upload)
        result.unseen += outcome.attempts == 0
        if scene.stays and scene.stays(outcome.ask):
            result.staying += 1
            result.away += outcome.answer.endpoint != 0
    return result


def invalid(scene, result):
    """Why these figures say nothing, whoever they are of; none if they do."""
    found = []
    if result.sent < LEAST_SENT * result.planned:
        found.append(f"only {result.sent} of {result.planned} requests were sent")
    if result.unseen:
        found.append(f"no endpoint knows of {result.unseen} answers")
    if scene.faults and not result.faults:
        found.append("no endpoint did anything bad")
    expected = sum(not scene.would_serve(ask, 0, 0) for ask in scene.asks) if any(ask.poison for ask in scene.asks) else 0
    if result.hopeless < LEAST_SENT * expected * (result.sent / max(result.planned, 1)):
        found.append(f"only {result.hopeless} requests that nobody serves were refused")
    return found


def broken(scene, result):
    """What Podium promises and did not keep."""
    found = []
    if result.failed:
        found.append(f"{result.failed} requests failed that an endpoint would have served")
    if result.most_attempts > len(scene.endpoints) + 2:
        found.append(f"a request took {result.most_attempts} attempts at {len(scene.endpoints)} endpoints")
    if result.away > MOST_AWAY * result.staying:
        found.append(f"{result.away} of {result.staying} requests left an endpoint that serves them well")
    return found
