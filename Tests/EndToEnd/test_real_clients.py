"""What users point at Podium: the SDKs with their errors and retries, curl, and load generators that count."""

import asyncio
import json
import re
import subprocess
import time

import anthropic
import httpx
import openai
import pytest
from conftest import PODIUM, eventually, free_port

MESSAGES = [{"role": "user", "content": "hi"}]
ANTHROPIC = {"model": "m", "max_tokens": 5, "messages": MESSAGES}


@pytest.fixture
def serving(podium):
    """Starts Podium on these servers, in this order."""
    def start(*servers, more=""):
        port = free_port()
        listed = "".join(f"  - name: {server.name}\n    url: {server.url}\n" for server in servers)
        return podium(f"server:\n  port: {port}\n{more}ranking: {{ min_dwell: 0s }}\nendpoints:\n{listed}", port)

    return start


def claude(process, **options):
    return anthropic.Anthropic(base_url=process.url, api_key="client", **{"max_retries": 0, **options})


def gpt(process, **options):
    return openai.OpenAI(base_url=process.url + "/v1", api_key="client", **{"max_retries": 0, **options})


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
def test_the_sdks_notice_nothing_of_a_failover(upstream, serving, status):
    """Without a retry of their own."""
    first, second = upstream("first", "--status", str(status)), upstream("second")
    process = serving(first, second)
    assert claude(process).messages.create(**ANTHROPIC).content[0].text == "hello from second"
    with claude(process).messages.stream(**ANTHROPIC) as stream:
        assert "".join(stream.text_stream) == "hello from second "
    assert gpt(process).chat.completions.create(model="m", messages=MESSAGES).choices[0].message.content == "hello from second"
    assert len(first.requests) >= 1


def test_what_the_sdks_are_told_was_used_is_what_is_counted(upstream, podium, tmp_path):
    """Whole and streamed, also where another endpoint had to answer; a stream that its client leaves keeps what it had said."""
    first, second, port = upstream("first", "--status", "503", "--times", "3"), upstream("second", "--words", "200"), free_port()
    environment = {"XDG_RUNTIME_DIR": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    listed = "".join(f"  - {{ name: {server.name}, url: {server.url} }}\n" for server in (first, second))
    process = podium(f"server: {{ port: {port} }}\nendpoints:\n{listed}", port, environment)
    told = []
    for _ in range(4):
        told.append(claude(process).messages.create(**ANTHROPIC).usage)
        with claude(process).messages.stream(**ANTHROPIC) as stream:
            told.append(stream.get_final_message().usage)
        chat = gpt(process).chat.completions.create(model="m", messages=MESSAGES).usage
        told.append(anthropic.types.Usage(input_tokens=chat.prompt_tokens, output_tokens=chat.completion_tokens))
    with claude(process).messages.stream(**ANTHROPIC) as stream:
        next(iter(stream.text_stream))
        told.append(stream.current_message_snapshot.usage)

    def used():
        said = subprocess.run([PODIUM, "usage", "--json", "--by", "", "--config", process.config], capture_output=True, check=True,
                              env=process.environment).stdout
        return json.loads(said)["total"]
    eventually(lambda: used()["requests"] == 13, what="the last one has ended")
    assert (used()["input"], used()["output"]) == (sum(one.input_tokens for one in told), sum(one.output_tokens for one in told))


@pytest.mark.parametrize("status, anthropics, openais", [
    (400, anthropic.BadRequestError, openai.BadRequestError), (404, anthropic.NotFoundError, openai.NotFoundError),
    (422, anthropic.UnprocessableEntityError, openai.UnprocessableEntityError)])
def test_the_sdks_get_the_endpoints_own_errors(upstream, serving, status, anthropics, openais):
    first, second = upstream("first", "--status", str(status)), upstream("second")
    process = serving(first, second)
    with pytest.raises(anthropics) as caught:
        claude(process).messages.create(**ANTHROPIC)
    assert caught.value.body == {"error": {"type": "api_error", "message": "scripted"}}
    with pytest.raises(openais):
        gpt(process).chat.completions.create(model="m", messages=MESSAGES)
    assert second.requests == []


def test_the_sdks_wait_as_long_as_the_only_endpoint_asks_for(upstream, serving):
    """429 with `Retry-After: 2` makes a 503 with as much, which the SDK heeds: its next try finds the endpoint back."""
    for name, client, ask in (
            ("one", claude, lambda sdk: sdk.messages.create(**ANTHROPIC).content[0].text),
            ("two", gpt, lambda sdk: sdk.chat.completions.create(model="m", messages=MESSAGES).choices[0].message.content)):
        server = upstream(name, "--status", "429", "--times", "1", "--retry-after", "2")
        process = serving(server)
        began = time.monotonic()
        assert ask(client(process, max_retries=2)) == f"hello from {name}"
        assert time.monotonic() - began >= 2
        assert len(server.requests) == 2
        process.kill()


def test_the_sdks_are_told_of_a_stream_that_breaks_off(upstream, serving):
    """As an error of the API, not as an end: what came before it came."""
    server = upstream("server", "--words", "20", "--break-after", "9")
    process = serving(server)
    pieces = []
    with pytest.raises(anthropic.APIStatusError) as caught, claude(process).messages.stream(**ANTHROPIC) as stream:
        pieces.extend(stream.text_stream)
    assert "mid-stream" in str(caught.value) and "".join(pieces).startswith("hello from server ")
    pieces = []
    with pytest.raises(openai.APIError) as told:
        for chunk in gpt(process).chat.completions.create(model="m", messages=MESSAGES, stream=True):
            pieces.append(chunk.choices[0].delta.content)
    assert "mid-stream" in str(told.value) and pieces[:3] == ["hello ", "from ", "server "]


def test_many_streams_at_once_some_of_which_are_cancelled(upstream, serving):
    server = upstream("server", "--words", "10", "--chunk-delay", "0.02")
    process = serving(server, more="  access_log: access.log\n")

    async def one(client, number):
        async with client.messages.stream(**ANTHROPIC) as stream:
            text = ""
            async for piece in stream.text_stream:
                text += piece
                if number % 3 == 0:
                    return None
            return text

    async def run():
        async with anthropic.AsyncAnthropic(base_url=process.url, api_key="client", max_retries=0) as client:
            return await asyncio.gather(*(one(client, number) for number in range(60)))

    texts = asyncio.run(run())
    assert [text for number, text in enumerate(texts) if number % 3] == ["hello from server " + "word " * 10] * 40
    log = process.config.with_name("access.log")
    eventually(lambda: log.exists() and log.read_text().count("\n") == 60, what="a line for each")
    text = log.read_text()
    assert text.count('"ending":"completed"') >= 40 and text.count('"ending":"client_closed"') >= 1


def test_httpx_keeps_its_connection_through_every_kind_of_body(upstream, serving):
    server = upstream("server")
    process = serving(server)
    with httpx.Client() as client:
        for content in (b"{}", b'{"x":"' + b"y" * 300_000 + b'"}', iter([b"{", b"}"])):
            assert client.post(process.url + "/v1/messages", content=content).status_code == 200
        assert client.get(process.url + "/v1/models").json()["served_by"] == "server"
        assert client.head(process.url + "/v1/models").status_code == 501
    assert [len(request["body"]) for request in server.requests[:3]] == [2, 300_008, 2]


def test_curl_with_what_it_does_on_its_own(upstream, serving, tmp_path):
    """Expect: 100-continue before a large body, HTTP/1.0, chunked upload, HTTP/2 asked for by upgrade, a kept connection."""
    server = upstream("server")
    process = serving(server)
    body = tmp_path / "body"
    body.write_text('{"x":"' + "y" * 2_000_000 + '"}')

    def curl(*arguments):
        command = ["curl", "-sS", "--max-time", "30", "-w", "%{http_code} %{http_version} %{num_connects}\n", "-o", "/dev/null", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")[:-1]

    url = process.url + "/v1/messages"
    assert curl("-H", "Expect: 100-continue", "--data-binary", f"@{body}", url) == ["200 1.1 1"]
    assert curl("-H", "Transfer-Encoding: chunked", "--data-binary", f"@{body}", url) == ["200 1.1 1"]
    assert curl("--http1.0", "-d", "{}", url) == ["200 1.1 1"]
    assert curl("--http2", "-d", "{}", url) == ["200 1.1 1"]
    assert curl("-d", "{}", url, "-o", "/dev/null", url) == ["200 1.1 1", "200 1.1 0"]
    assert {len(request["body"]) for request in server.requests} == {2, 2_000_008}


@pytest.fixture
def fast(tmp_path):
    """A server that is not what is measured."""
    config = tmp_path / "nginx.conf"
    port = free_port()
    config.write_text(
        f"daemon off; worker_processes 1; pid {tmp_path}/nginx.pid; error_log stderr;\nevents {{}}\n"
        f"http {{ access_log off; keepalive_requests 1000000;\n"
        f"server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ return 200 'ok'; }} }} }}\n")
    process = subprocess.Popen(["nginx", "-c", config, "-p", tmp_path], stderr=subprocess.DEVNULL)
    yield type("Fast", (), {"name": "fast", "url": f"http://127.0.0.1:{port}"})
    process.terminate()
    process.wait()


def counted(process):
    """Lines of the access log, when no more come."""
    log = process.config.with_name("access.log")
    counts = []
    eventually(lambda: counts.append(log.read_text().count("\n")) or len(counts) > 8 and len(set(counts[-8:])) == 1, what="quiet")
    text = log.read_text()
    return counts[-1], text.count('"ending":"completed"')


def test_h2load_and_wrk_count_as_many_as_the_access_log(serving, fast):
    process = serving(fast, more="  access_log: access.log\n")
    url = process.url + "/v1/models"
    said = subprocess.run(
        ["h2load", "--h1", "-n", "5000", "-c", "50", "-m", "1", url], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "5000 total, 5000 started, 5000 done, 5000 succeeded, 0 failed, 0 errored, 0 timeout" in said
    assert "status codes: 5000 2xx" in said
    assert counted(process) == (5000, 5000)
    # Pipelined, as h2load does where it may have several requests on a connection.
    said = subprocess.run(
        ["h2load", "--h1", "-n", "5000", "-c", "20", "-m", "16", url], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "5000 succeeded, 0 failed" in said
    assert counted(process) == (10_000, 10_000)
    said = subprocess.run(["wrk", "-t1", "-c64", "-d2s", url], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "Socket errors" not in said and "Non-2xx" not in said
    # wrk leaves in the middle of its last requests.
    made, (lines, completed) = int(re.search(r"(\d+) requests in", said)[1]), counted(process)
    assert made <= completed - 10_000 and lines - 10_000 <= made + 64
