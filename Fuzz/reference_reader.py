#!/usr/bin/env python3
"""A plain second reader of answers, written from docs/usage.md and the APIs' rules alone, and a maker of test vectors.

It reads whole bodies, keeps everything, and is slow: what it says of an answer is what the reader of Podium has to say, however the bytes are cut.

usage: reference_reader.py FOLDER [--answers 4000] [--seed 1]     writes vectors of made-up answers into FOLDER
       reference_reader.py --check FILE…                          holds the reference against vectors that are there

    Fuzz/reference_reader.py /tmp/v && PODIUM_VECTORS=/tmp/v swift test --filter AnswerReaderTests/vectors
"""

import argparse
import base64
import json
import pathlib
import random
import sys

BOM = b"\xef\xbb\xbf"
LARGEST = 10**12


# MARK: JSON as it is met, so that a document which is cut has said what stands before the cut

class Cut(Exception):
    pass


class NoJSON(Exception):
    pass


class Document:
    """Calls `closed(path, value)` for each bracket that is closed, `scalar(path, value)` for each scalar."""

    def __init__(self, data, closed, scalar):
        self.data, self.place, self.closed, self.scalar = data, 0, closed, scalar

    def byte(self):
        if self.place >= len(self.data):
            raise Cut
        return self.data[self.place:self.place + 1]

    def blank(self):
        while self.place < len(self.data) and self.data[self.place] in b" \t\r\n":
            self.place += 1

    def value(self, path):
        self.blank()
        first = self.byte()
        if first in b"{[":
            return self.bracket(path, first == b"{")
        if first == b'"':
            value = self.string()
        else:
            begin = self.place
            while self.place < len(self.data) and self.data[self.place:self.place + 1] not in (b",", b"}", b"]", b" ", b"\n", b"\r", b"\t"):
                self.place += 1
            if self.place == len(self.data) and path:
                raise Cut
            word = self.data[begin:self.place]
            try:
                value = {b"true": True, b"false": False, b"null": None}[word] if word[:1] in b"tfn" else self.number(word)
            except KeyError:
                raise NoJSON
        self.scalar(path, value)
        return value

    @staticmethod
    def number(word):
        text = word.decode("latin-1")
        whole, _, fraction = text.partition(".")
        if whole.isascii() and whole.isdigit() and not fraction.strip("0") and int(whole) <= LARGEST:
            return int(whole)
        if set(text) <= set("0123456789+-.eE") and text:
            return "odd", text
        raise NoJSON

    def string(self):
        begin = self.place
        self.place += 1
        while self.byte() != b'"':
            self.place += 2 if self.byte() == b"\\" else 1
        self.place += 1
        try:
            return json.loads(self.data[begin:self.place].decode("utf-8", "replace"), strict=False)
        except ValueError:
            raise NoJSON

    def bracket(self, path, is_object):
        self.place += 1
        result = {} if is_object else []
        end = b"}" if is_object else b"]"
        self.blank()
        if self.byte() == end:
            self.place += 1
            self.closed(path, result)
            return result
        while True:
            self.blank()
            if is_object:
                if self.byte() != b'"':
                    raise NoJSON
                key = self.string()
                self.blank()
                if self.byte() != b":":
                    raise NoJSON
                self.place += 1
                result[key] = self.value(path + (key,))
            else:
                result.append(self.value(path + ("[]",)))
            self.blank()
            separator = self.byte()
            self.place += 1
            if separator == end:
                self.closed(path, result)
                return result
            if separator != b",":
                raise NoJSON


# MARK: Figures

KINDS = ["input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning"]


def whole(value):
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def member(tree, *names):
    for name in names:
        if not isinstance(tree, dict):
            return None
        tree = tree.get(name)
    return whole(tree)


def messages_figures(one):
    figures = {"input": member(one, "input_tokens"), "output": member(one, "output_tokens"), "cache_read": member(one, "cache_read_input_tokens")}
    five, hour = member(one, "cache_creation", "ephemeral_5m_input_tokens"), member(one, "cache_creation", "ephemeral_1h_input_tokens")
    total = member(one, "cache_creation_input_tokens")
    return figures, five, hour, total


def spread(five, hour, total):
    if five is None and hour is None:
        return total, None
    if total is not None and (five or 0) + (hour or 0) < total:
        five = total - (hour or 0)
    return five, hour


def messages(one, known):
    figures, five, hour, total = messages_figures(one)
    if five is None and hour is None and total is not None and known["cache_write_1h"] is not None:
        five = max(0, total - known["cache_write_1h"])
    else:
        five, hour = spread(five, hour, total)
    figures.update(cache_write_5m=five, cache_write_1h=hour)
    sums = {}
    iterations = one.get("iterations")
    for part in iterations if isinstance(iterations, list) else []:
        if not isinstance(part, dict) or part.get("type") == "advisor_message":
            continue
        inner, *writes = messages_figures(part)
        inner["cache_write_5m"], inner["cache_write_1h"] = spread(*writes)
        for kind, number in inner.items():
            if number is not None:
                sums[kind] = sums.get(kind, 0) + number
    for kind, number in sums.items():
        if number > (-1 if figures[kind] is None else figures[kind]):
            figures[kind] = number
    figures["reasoning"] = member(one, "output_tokens_details", "thinking_tokens")
    inputs = ["input", "cache_read", "cache_write_5m", "cache_write_1h"]
    said = [figures[kind] for kind in inputs if figures[kind] is not None]
    if any(said) or all(known[kind] is None for kind in inputs):
        known.update({kind: figures[kind] for kind in inputs if figures[kind] is not None})
    for kind in ("output", "reasoning"):
        if figures[kind] or (figures[kind] == 0 and known[kind] is None):
            known[kind] = figures[kind]


def openai(one, known):
    def first(*paths):
        values = [value for value in (member(one, *path.split("/")) for path in paths) if value is not None]
        return next((value for value in values if value > 0), values[0] if values else None)

    def largest(*paths):
        return max((value for value in (member(one, *path.split("/")) for path in paths) if value is not None), default=None)
    prompt, completion, total = first("prompt_tokens", "input_tokens"), first("completion_tokens", "output_tokens"), member(one, "total_tokens")
    if not (prompt or completion or total):
        return
    details = ["prompt_tokens_details/", "input_tokens_details/"]
    cached = largest(*[one + "cached_tokens" for one in details], "prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens")
    written = largest(*[one + name for one in details for name in ("cache_write_tokens", "cache_creation_tokens")], "cache_creation_input_tokens")
    thought = first("completion_tokens_details/reasoning_tokens", "output_tokens_details/reasoning_tokens", "reasoning_tokens")
    p, c, k, w, r = prompt or 0, completion or 0, cached or 0, written or 0, thought or 0
    new = dict.fromkeys(KINDS)
    new.update(cache_read=cached, cache_write_5m=written, reasoning=thought, output=completion)
    apart = k + w > p or (total is not None and total == p + c + k + w)
    if prompt is not None:
        new["input"] = p if apart else p - k - w
    if completion is not None:
        rest = 0 if total is None else total - p - c - (k + w if apart else 0)
        if r > c or rest == r > 0:
            new["output"] = c + r
        elif r == 0 and rest > 0 and prompt is not None:
            new["output"], new["reasoning"] = c + rest, rest
    known.update(new)


USAGE = {
    "anthropic": [("message", "usage"), ("usage",)],
    "chat": [("usage",), ("x_groq", "usage"), ("choices", "[]", "usage")],
    "responses": [("response", "usage"), ("usage",)],
}
MODEL = {"anthropic": [("message", "model"), ("model",)], "chat": [("model",)], "responses": [("response", "model"), ("model",)]}
CONTENT = {"content", "reasoning_content", "reasoning", "refusal", "text", "thinking", "name", "arguments", "data", "input", "transcript"}


class Reading:
    def __init__(self, api):
        self.api, self.known, self.model = api, dict.fromkeys(KINDS), None
        self.complete = self.error = self.finished = False

    def closed(self, path, value):
        if path in USAGE[self.api] and isinstance(value, dict):
            (messages if self.api == "anthropic" else openai)(value, self.known)

    def scalar(self, path, value):
        if path in MODEL[self.api] and isinstance(value, str) and value:
            self.model = "".join(one for one in value.encode()[:128].decode("utf-8", "ignore") if one >= " " and one != "\x7f") or None

    def document(self, data):
        """The value where it is whole, and where it ends."""
        document = Document(data, self.closed, self.scalar)
        return document.value(()), document.place

    def names_error(self, name, tree):
        if name == "error" or not isinstance(tree, dict):
            return name == "error"
        response = tree.get("response")
        kind = tree.get("type") or name
        return (kind in ("error", "response.failed") or tree.get("error") is not None or tree.get("status") == "failed"
                or isinstance(response, dict) and response.get("status") == "failed")

    def event(self, name, data):
        """Whether it has content."""
        if data.strip(b" ") == b"[DONE]" or data.startswith(b"[DONE]") and not data[6:].strip(b" "):
            self.complete = self.complete or not self.error
            return False
        try:
            tree, _ = self.document(data)
        except (Cut, NoJSON):
            return False
        if self.names_error(name, tree):
            self.error = self.error or not self.complete
            return False
        if not isinstance(tree, dict):
            return False
        kind = tree.get("type") or name
        delta = tree.get("delta") if isinstance(tree.get("delta"), dict) else {}
        if kind in ("message_stop", "response.completed", "response.incomplete") or kind == "message_delta" and isinstance(delta.get("stop_reason"), str):
            if kind.startswith("message") == (self.api == "anthropic") and (kind.startswith("response") == (self.api == "responses")):
                self.complete = self.complete or not self.error
        choices = tree.get("choices")
        choices = [one for one in choices if isinstance(one, dict)] if isinstance(choices, list) else []
        if self.api == "chat":
            self.finished = self.finished or any(isinstance(one.get("finish_reason"), str) and one["finish_reason"] for one in choices)
        return self.has_content(kind, tree, delta, choices)

    def has_content(self, kind, tree, delta, choices):
        def text(value):
            return isinstance(value, str) and value != ""
        if self.api == "anthropic":
            block = tree.get("content_block")
            if kind == "content_block_start" and isinstance(block, dict):
                return block.get("type") not in ("text", "thinking") or any(text(value) for name, value in block.items() if name != "type")
            return kind == "content_block_delta" and any(text(value) for name, value in delta.items() if name != "type")
        if self.api == "responses":
            if kind == "response.output_item.done":
                return True
            return kind.endswith((".delta", ".done")) and any(
                text(tree.get(name)) for name in ("delta", "text", "arguments", "refusal", "input", "code"))

        def under(value, name=None):
            if isinstance(value, dict):
                return any(under(inner, key) for key, inner in value.items())
            if isinstance(value, list):
                return any(under(inner) for inner in value)
            return name in CONTENT and text(value)
        return any(under(one.get("delta")) or text(one.get("text")) for one in choices)


def lines(data):
    """Each line with the place behind the first byte of its end."""
    place = 0
    while place < len(data):
        ends = [at for at in (data.find(b"\n", place), data.find(b"\r", place)) if at >= 0]
        if not ends:
            yield data[place:], None
            return
        end = min(ends)
        yield data[place:end], end + 1
        place = end + (2 if data[end:end + 2] == b"\r\n" else 1)


def read(api, status, content_type, body, end):
    media = (content_type or "").split(";")[0].strip().lower()
    if media not in ("", "application/json", "text/event-stream", "text/plain", "application/octet-stream") and not media.endswith("+json"):
        return {"read": "foreign", "ending": None, "usage": dict.fromkeys(KINDS), "model_answered": None, "first_token_offset": None}
    reading, first = Reading(api), None
    start = len(body) - len(body.lstrip(b"\xef\xbb\xbf \t\r\n"))
    if body[start:start + 1] in (b"{", b"["):
        try:
            tree, _ = reading.document(body[start:])
            ending = "error" if status >= 400 or reading.names_error(None, tree) else "complete"
        except (Cut, NoJSON):
            ending = "error" if status >= 400 else "partial"
    else:
        name, data, has_data = "", b"", False
        mark = len(BOM) if body.startswith(BOM) else 0
        # At the end of the body an event without its empty line counts too.
        whole_lines = [*lines(body[mark:]), (b"", len(body) - mark)]
        for line, offset in whole_lines:
            if line == b"":
                if has_data:
                    if reading.event(name, data) and first is None:
                        first = mark + offset
                name, data, has_data = "", b"", False
                continue
            field, colon, value = line.partition(b":")
            value = value[1:] if value.startswith(b" ") else value
            if field == b"data":
                data, has_data = data + b"\n" + value if has_data else value, True
            elif field == b"event":
                name = value.decode("utf-8", "replace")
        if reading.error:
            ending = "error"
        elif reading.complete or reading.finished and end == "clean":
            ending = "complete"
        else:
            ending = "partial"
    return {"read": "ok", "ending": ending, "usage": reading.known, "model_answered": reading.model, "first_token_offset": first}


# MARK: Made-up answers

class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def some(self, *values):
        return self.random.choice(values)

    def chance(self, share):
        return self.random.random() < share

    def number(self):
        return self.some(0, 0, 1, 2, 7, self.random.randrange(100), self.random.randrange(5_000), self.random.randrange(400_000))

    def odd(self):
        return self.some(None, "12", -3, 1.5, 10**13, True, [], {}, 3.0)

    def maybe(self, tree, name, share=0.5, value=None):
        if self.chance(share):
            tree[name] = self.odd() if self.chance(0.04) else self.number() if value is None else value

    def shuffled(self, tree):
        items = list(tree.items())
        self.random.shuffle(items)
        return dict(items)

    def messages_usage(self, inner=False):
        usage = {}
        self.maybe(usage, "input_tokens", 0.8)
        self.maybe(usage, "output_tokens", 0.8)
        self.maybe(usage, "cache_read_input_tokens", 0.5)
        self.maybe(usage, "cache_creation_input_tokens", 0.5)
        if self.chance(0.4):
            split = {}
            self.maybe(split, "ephemeral_5m_input_tokens", 0.8)
            self.maybe(split, "ephemeral_1h_input_tokens", 0.8)
            usage["cache_creation"] = split
        if not inner:
            if self.chance(0.2):
                usage["iterations"] = [
                    {**self.messages_usage(True), "type": self.some("message", "compaction", "advisor_message")} for _ in range(self.some(1, 2, 3))]
            if self.chance(0.2):
                usage["output_tokens_details"] = {"thinking_tokens": self.number(), "reasoning_tokens": 99}
            if self.chance(0.2):
                usage.update(self.some({"service_tier": "standard"}, {"server_tool_use": {"web_search_requests": 2, "input_tokens": 5}},
                                       {"prompt_tokens": 77}, {"total_tokens": 123}))
        if self.chance(0.1):
            usage = dict.fromkeys(usage, 0)
        return self.shuffled(usage)

    def openai_usage(self):
        r, chat = self.random, self.chance(0.6)
        names = ("prompt_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details")
        if not chat:
            names = ("input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details")
        p, c = self.number(), self.number()
        k, w = self.some(0, 0, r.randrange(p + 1), self.number()), self.some(0, 0, 0, r.randrange(p + 1), self.number())
        thought = self.some(0, 0, r.randrange(c + 1), self.number())
        total = self.some(p + c, p + c, p + c + k + w, p + c + thought, p + c + k + w + thought, self.number(), None)
        usage = {}
        self.maybe(usage, names[0], 0.95, p)
        self.maybe(usage, names[1], 0.95, c)
        if total is not None:
            usage["total_tokens"] = total
        if self.chance(0.15):
            usage.update({"input_tokens": self.some(0, p), "output_tokens": self.some(0, c)} if chat
                         else {"prompt_tokens": self.some(0, p), "completion_tokens": self.some(0, c)})
        places = [(names[2], "cached_tokens"), (None, "prompt_cache_hit_tokens"), (None, "cached_tokens"), (None, "cache_read_input_tokens")]
        for place, name in r.sample(places, self.some(0, 1, 1, 2)):
            (usage.setdefault(place, {}) if place else usage)[name] = self.some(k, k, k, 0, k // 2)
        for place, name in r.sample([(names[2], "cache_write_tokens"), (names[2], "cache_creation_tokens"), (None, "cache_creation_input_tokens")],
                                    self.some(0, 0, 1)):
            (usage.setdefault(place, {}) if place else usage)[name] = w
        for place, name in r.sample([(names[3], "reasoning_tokens"), (None, "reasoning_tokens")], self.some(0, 1, 1, 1, 2)):
            (usage.setdefault(place, {}) if place else usage)[name] = thought
        if self.chance(0.1):
            usage.setdefault(names[2], {})["audio_tokens"] = 5
        if self.chance(0.06):
            usage = {name: value if isinstance(value, dict) else 0 for name, value in usage.items()}
        return self.shuffled(usage)

    def text(self):
        return self.some("", "a", "wörd", 'a "quoted" \\ text', '"usage":{"input_tokens":5}', "data: [DONE]\n\n", "x" * 300, "😀")

    def model(self):
        return self.some("", "m-1", "claude-sonnet-4-5-20250929", "a/b:c", "m" * 140, "mödel", "esc\x1b[31m")

    def written(self, tree):
        style = self.some({}, {"separators": (",", ":")}, {"separators": (",", ":"), "ensure_ascii": False}, {"indent": 1})
        text = json.dumps(tree, **style)
        if self.chance(0.05):
            # A member that comes twice: the last counts.
            text = text.replace('"input_tokens"', '"input_tokens":8,"input_tokens"', 1).replace('"cached_tokens"', '"cached_tokens":900000,"cached_tokens"', 1)
        return text

    # Streams

    def messages_events(self):
        message = {"id": "msg", "type": "message", "role": "assistant", "content": []}
        if self.chance(0.9):
            message["model"] = self.model()
        if self.chance(0.9):
            message["usage"] = self.messages_usage()
        events = [{"type": "message_start", "message": self.shuffled(message)}]
        if self.chance(0.1):
            events.append({"type": "message_start", "message": {"usage": self.messages_usage(), "model": self.model()}})
        for index in range(self.some(0, 1, 1, 2)):
            block = self.some({"type": "text", "text": self.some("", "", "a")}, {"type": "thinking", "thinking": "", "signature": ""},
                              {"type": "tool_use", "id": "t", "name": "f", "input": {}}, {"type": "redacted_thinking", "data": "x"})
            events.append({"type": "content_block_start", "index": index, "content_block": block})
            for _ in range(self.some(0, 1, 3)):
                delta = self.some(
                    {"type": "text_delta", "text": self.text()}, {"type": "thinking_delta", "thinking": self.text()},
                    {"type": "input_json_delta", "partial_json": self.text()}, {"type": "signature_delta", "signature": self.text()},
                    {"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "x"}}, {"type": "new_delta", "novelty": self.text()},
                    {"type": "new_delta", "count": 3})
                events.append({"type": "content_block_delta", "index": index, "delta": self.shuffled(delta)})
            events.append({"type": "content_block_stop", "index": index})
        for _ in range(self.some(0, 1, 1, 1, 2, 3)):
            tree = {"type": "message_delta", "delta": {"stop_reason": self.some("end_turn", "end_turn", None), "stop_sequence": None}}
            if self.chance(0.9):
                tree["usage"] = self.messages_usage()
            events.append(self.shuffled(tree))
        if self.chance(0.8):
            events.append({"type": "message_stop"})
        return events

    def chat_events(self):
        def chunk(delta, **more):
            tree = {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None, **more}]}
            if self.chance(0.8):
                tree["model"] = self.model()
            if self.chance(0.1):
                tree["usage"] = self.some(None, self.openai_usage())
            return self.shuffled(tree)
        events = [chunk({"role": "assistant", "content": ""})]
        for _ in range(self.some(0, 1, 2, 4)):
            events.append(chunk(self.some(
                {"content": self.text()}, {"reasoning_content": self.text()}, {"reasoning": self.text()}, {"refusal": self.text()},
                {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": self.some("", "f"), "arguments": ""}}]},
                {"tool_calls": [{"index": 0, "function": {"arguments": self.text()}}]}, {"content": [{"type": "text", "text": self.text()}]},
                {"reasoning_details": [{"type": "reasoning.text", "text": self.text()}]}, {"audio": {"id": "a", "transcript": self.text()}},
                {"function_call": {"name": "f"}}, {"provider": "x"}, {})))
        if self.chance(0.2):
            events.append({"choices": [{"index": 0, "text": self.text(), "finish_reason": None}]})
        if self.chance(0.8):
            more = {"usage": self.openai_usage()} if self.chance(0.15) else {}
            last = chunk({}, **more)
            last["choices"][0]["finish_reason"] = self.some("stop", "length", "tool_calls", "")
            if self.chance(0.15):
                last["x_groq"] = {"id": "r", "usage": self.openai_usage()}
            events.append(last)
        for _ in range(self.some(0, 1, 1, 1, 2)):
            events.append({"choices": [], "usage": self.openai_usage()})
        if self.chance(0.7):
            events.append("[DONE]")
        return events

    def responses_events(self):
        def response(status, usage):
            return self.shuffled({"id": "r", "object": "response", "status": status, "error": None, "model": self.model(),
                                  "instructions": "usage: " + self.text(), "tools": [{"type": "function", "parameters": {"usage": {"input_tokens": 3}}}],
                                  "output": [{"type": "message", "content": [{"text": self.text()}], "usage": {"input_tokens": 4}}], "usage": usage})
        events = [{"type": "response.created", "response": response("in_progress", None)}]
        for _ in range(self.some(0, 1, 3, 5)):
            events.append(self.some(
                {"type": "response.output_item.added", "item": {"type": "message", "content": []}},
                {"type": "response.content_part.added", "part": {"type": "output_text", "text": ""}},
                {"type": "response.output_text.delta", "delta": self.text()}, {"type": "response.reasoning_summary_text.delta", "delta": self.text()},
                {"type": "response.function_call_arguments.delta", "delta": self.text()}, {"type": "response.refusal.delta", "delta": self.text()},
                {"type": "response.function_call_arguments.done", "arguments": self.text()}, {"type": "response.output_text.done", "text": self.text()},
                {"type": "response.code_interpreter_call_code.delta", "delta": self.text()}, {"type": "response.custom_tool_call_input.done", "input": self.text()},
                {"type": "response.output_item.done", "item": {"type": "reasoning"}}, {"type": "response.content_part.done", "part": {"text": "x"}},
                {"type": "response.web_search_call.searching"}, {"type": "response.output_text.annotation.added", "annotation": {"text": "x"}}))
        if self.chance(0.8):
            kind = self.some("response.completed", "response.completed", "response.incomplete", "response.failed")
            events.append({"type": kind, "response": response(kind.split(".")[1], self.some(None, self.openai_usage(), self.openai_usage()))})
        if self.chance(0.1):
            events.append("[DONE]")
        return events

    def stream(self, api):
        events = {"anthropic": self.messages_events, "chat": self.chat_events, "responses": self.responses_events}[api]()
        if self.chance(0.12):
            events.insert(self.random.randrange(len(events) + 1), self.some(
                {"type": "error", "error": {"type": "overloaded_error", "message": "m"}}, {"error": {"message": "m", "code": 500}}, {"error": "broken"}))
        if self.chance(0.1):
            events.insert(self.random.randrange(len(events) + 1), self.some({"type": "ping"}, "no json", {"type": "some.thing"}, {"error": None, "choices": []}))
        end, named, blank = self.some("\n", "\n", "\r\n", "\r"), self.chance(0.5) or api == "anthropic", self.some(" ", " ", "")
        text = self.some("", "", "", "\ufeff", ": hello" + end + end, "retry: 10" + end + end, end)
        for event in events:
            data = event if isinstance(event, str) else self.written(event)
            if named and isinstance(event, dict) and "type" in event:
                text += f"event:{blank}{event['type']}{end}"
            text += "".join(f"data:{blank}{line}{end}" for line in data.split("\n")) + end
        return text.encode()

    def whole(self, api):
        if api == "anthropic":
            tree = {"id": "m", "type": "message", "model": self.model(), "usage": self.messages_usage(),
                    "content": [{"type": "tool_use", "input": {"usage": {"input_tokens": 9}, "model": "x"}}, {"type": "text", "text": self.text()}]}
        elif api == "chat":
            tree = {"id": "c", "model": self.model(), "choices": [{"message": {"content": self.text(), "usage": {"prompt_tokens": 5}}, "finish_reason": "stop"}]}
            self.some(tree, tree["choices"][0], tree.setdefault("x_groq", {}))["usage"] = self.openai_usage()
        else:
            tree = {"id": "r", "status": self.some("completed", "completed", "incomplete", "failed"), "error": None, "model": self.model(),
                    "output": [{"content": [{"text": self.text(), "usage": {"input_tokens": 5}}]}], "usage": self.openai_usage()}
        if self.chance(0.06):
            tree["error"] = {"type": "t", "message": "m"}
        return self.some(b"", b"", b"\n \r\n", BOM) + self.written(self.shuffled(tree)).encode()

    def vector(self, number):
        api = self.some("anthropic", "chat", "responses")
        is_stream = self.chance(0.75)
        body = self.stream(api) if is_stream else self.whole(api)
        end = "clean"
        if self.chance(0.2):
            body, end = body[:self.random.randrange(len(body) + 1)], self.some("broken", "client_gone", "clean")
        content_type = self.some("text/event-stream", "text/event-stream; charset=utf-8", "Text/Event-Stream", "text/plain", "", None) if is_stream else self.some(
            "application/json", "application/json; charset=utf-8", "application/problem+json", "text/plain", "application/octet-stream", None)
        if self.chance(0.02):
            content_type = self.some("text/html", "application/x-ndjson", "image/png")
        status = 200 if self.chance(0.95) else self.some(400, 429, 500)
        cuts = [sorted(self.random.randrange(1, max(2, len(body))) for _ in range(self.random.randrange(1, 6))) for _ in range(3)]
        return {
            "id": f"made-{number}", "title": "made up", "api": api, "status": status, "content_type": content_type, "content_encoding": None,
            "body": [{"base64": base64.b64encode(body).decode()}], "splits": cuts + (["each_byte"] if len(body) < 3_000 else []), "end": end,
            "expect": read(api, status, content_type, body, end)}


def bytes_of(body):
    pieces = []
    for piece in body:
        if isinstance(piece, str):
            pieces.append(piece.encode())
        elif "base64" in piece:
            pieces.append(base64.b64decode(piece["base64"]))
        else:
            pieces.append(piece["repeat"].encode() * piece["times"])
    return b"".join(pieces)


def check(files):
    wrong = count = 0
    for file in files:
        content = json.loads(pathlib.Path(file).read_text())
        for vector in content["vectors"] if content.get("kind") == "answer" else []:
            if vector.get("encoded"):
                continue
            count += 1
            found = read(vector["api"], vector["status"], vector["content_type"], bytes_of(vector["body"]), vector["end"])
            wanted = {name: vector["expect"][name] for name in found}
            if found != wanted and vector["expect"]["read"] in ("ok", "foreign"):
                wrong += 1
                print(vector["id"], {name: (found[name], wanted[name]) for name in found if found[name] != wanted[name]})
    print(f"{count} vectors, {wrong} are read otherwise")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="*", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--answers", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.check:
        sys.exit(check(options.folder) > 0)
    maker = Maker(options.seed)
    options.folder[0].mkdir(parents=True, exist_ok=True)
    vectors = [maker.vector(number) for number in range(options.answers)]
    (options.folder[0] / "made.json").write_text(json.dumps({"format": "podium-usage-vectors/1", "kind": "answer", "vectors": vectors}))


if __name__ == "__main__":
    main()
