#!/usr/bin/env python3
"""Requests that failed though an endpoint would have served them: Podium beside HAProxy, nginx and LiteLLM's router in the same run.

Each proxy stands before endpoints of its own, which all play the same script at the same time (availability_scenes.py), and gets the same
40 requests a second, whether or not those before have been answered: Messages and Chat Completions by turns, streaming or not, each
with a number of its own in its body.

A request has **failed** when its client has no whole answer to it: no connection, no answer within a minute, a status from 300 on, an
error in a 200, a stream or body that is not whole, or an answer without content (availability_score.py, `judge`).

An endpoint **would have served** a failed request if its script answers this request well at a time between the request's first byte and
its end. The scripts are constant between their changes, so the times to look at are the request's beginning and every change within its
life. Nothing is asked of the proxies for that, and an endpoint that is up for a moment of a request's life counts: a proxy can try it
then. An endpoint decides when a request has arrived whole; what it has begun it finishes. Requests that no endpoint serves (the poison)
are refused rightly, by whatever answer.

**Attempts** are what arrived at the endpoints with the request's number, which no proxy can deny. Connections that were refused arrive
nowhere; of Podium's the access log tells, and the greater figure of the two counts.

A proxy that is not there is left out, and said so. The exit status is 1 where a request failed in Podium that an endpoint would have
served, where one took more attempts than there are endpoints and two, where more than a twentieth of what an endpoint serves well was
answered elsewhere; and where a scene has shown nothing, since less than 95 % of its requests were sent or no endpoint did anything bad.

usage: availability.py PODIUM [--before PODIUM] [--only SCENE,...] [--seconds 24] [--outage 75] [--rounds 1] [--proxies podium,...]
                       [--litellm FOLDER of a venv] [--json FILE] [--list]
"""

import argparse
import asyncio
import collections
import json
import pathlib
import shutil
import sys
import tempfile
import time

import availability_scenes
import peers
from availability_score import Score, broken, invalid, score
from availability_wire import Upstream, ask_once, load

NEVER = ()


def podium(binary, ports):
    def command(folder, port):
        config = folder / "podium.yaml"
        entries = "".join(f"  - {{ name: {name}, url: 'http://127.0.0.1:{upstream}', auth_type: none }}\n"
                          for name, upstream in zip(availability_scenes.NAMES, ports))
        config.write_text(f"server: {{ port: {port}, access_log: access.log }}\nendpoints:\n{entries}")
        config.chmod(0o600)
        return [binary, "run", "--headless", "--config", config]
    return command


def haproxy(ports):
    """Retries whatever it can retry, each time on another server. Health checks are off, as they are for LLM endpoints."""
    def command(folder, port):
        servers = "\n".join(f"    server {name} 127.0.0.1:{upstream}" for name, upstream in zip(availability_scenes.NAMES, ports))
        (folder / "haproxy.cfg").write_text(f"""
global
    nbthread 1
    tune.bufsize 131072
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option http-no-delay
    retries {len(ports) + 1}
    option redispatch 1
    retry-on all-retryable-errors 401 403 404 408 425 501
frontend f
    bind 127.0.0.1:{port}
    default_backend b
backend b
    balance roundrobin
{servers}
""")
        return ["haproxy", "-db", "-q", "-f", folder / "haproxy.cfg"]
    return command


def nginx(ports):
    """Goes on to the next for whatever it can, and never takes one out: with `max_fails` it refuses while all are out."""
    def command(folder, port):
        servers = " ".join(f"server 127.0.0.1:{upstream} max_fails=0;" for upstream in ports)
        (folder / "nginx.conf").write_text(f"""
            worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log stderr crit;
            events {{ worker_connections 4000; }}
            http {{ access_log off; client_max_body_size 0; client_body_buffer_size 1m;
              client_body_temp_path {folder}/body; proxy_temp_path {folder}/temp;
              upstream u {{ {servers} keepalive 64; }}
              server {{ listen 127.0.0.1:{port};
                location / {{ proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
                  proxy_next_upstream error timeout invalid_header http_500 http_502 http_503 http_504 http_429 http_403 http_404
                    non_idempotent; }} }} }}""")
        return ["nginx", "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"]
    return command


def litellm(venv, groups):
    """One for all scenes, since it takes long to start: a group of deployments for each scene, API and model."""
    def command(folder, port):
        deployments = [
            {"model_name": group(scene, api, model),
             "litellm_params": {"model": f"{'anthropic' if api == 'messages' else 'openai'}/model-{model}", "api_key": "key",
                                "api_base": f"http://127.0.0.1:{upstream}{'' if api == 'messages' else '/v1'}"}}
            for scene, ports in groups.items() for api in ("messages", "chat") for model in "ab" for upstream in ports]
        # JSON is YAML.
        (folder / "config.yaml").write_text(json.dumps({
            "model_list": deployments,
            "router_settings": {"routing_strategy": "simple-shuffle", "num_retries": 3, "retry_after": 0,
                                "cooldown_time": 5, "timeout": 60},
            "litellm_settings": {"telemetry": False}}))
        return [venv / "bin/python", venv / "bin/litellm", "--config", folder / "config.yaml", "--host", "127.0.0.1", "--port", port,
                "--num_workers", 1]
    return command


def group(scene, api, model):
    return f"{scene}.{api}.{model}"


class Competitor:
    """One proxy with its endpoints, over all scenes."""

    def __init__(self, name, scenes, command=None):
        self.name, self.command = name, command
        self.upstreams = {scene.name: [Upstream(place) for place in range(len(scene.endpoints))] for scene in scenes}
        self.process, self.shared = None, command is None

    def ports(self, scene):
        return [upstream.port for upstream in self.upstreams[scene.name]]

    def start(self, folder, scene):
        """A fresh process, which knows nothing of the scene before."""
        if not self.shared:
            (folder / self.name).mkdir(exist_ok=True)
            (folder / self.name / "access.log").unlink(missing_ok=True)
            self.process = peers.Proxy(self.name, folder, self.command(self.ports(scene)), worker=NEVER)

    async def play(self, folder, scene, began):
        upstreams = self.upstreams[scene.name]
        model = (lambda ask: group(scene.name, ask.api, ask.model)) if self.shared else None
        plays = [asyncio.ensure_future(upstream.play()) for upstream in upstreams]
        outcomes = await load(self.process.port, scene, began, model)
        await asyncio.gather(*plays)
        logged = self.logged(folder)
        for outcome in outcomes:
            seen = sum(upstream.attempts[outcome.ask.number] for upstream in upstreams)
            outcome.attempts = max(seen, logged[outcome.ask.identity])
        return score(scene, outcomes, sum(upstream.faults for upstream in upstreams))

    def logged(self, folder):
        """Attempts by Podium's own account, which knows of connections that were refused."""
        log = folder / self.name / "access.log"
        attempts = collections.Counter()
        if log.exists():
            for line in log.read_text().splitlines():
                entry = json.loads(line)
                attempts[entry["request"]] += len(entry["attempts"])
        return attempts

    def stop(self):
        if self.process and not self.shared:
            self.process.stop()


async def play(folder, scene, competitors):
    """All competitors at once: what one's endpoints do, the others' do at the same moment."""
    for competitor in competitors:
        for upstream in competitor.upstreams[scene.name]:
            upstream.open(scene, time.monotonic())
            upstream.listen()
    try:
        for competitor in competitors:
            competitor.start(folder, scene)
        began = time.monotonic() + 0.5
        for competitor in competitors:
            for upstream in competitor.upstreams[scene.name]:
                upstream.began = began
        scores = await asyncio.gather(*(competitor.play(folder, scene, began) for competitor in competitors))
        return {competitor.name: result for competitor, result in zip(competitors, scores)}
    finally:
        for competitor in competitors:
            competitor.stop()
            for upstream in competitor.upstreams[scene.name]:
                upstream.stop_listening()


async def warm(competitor, scenes):
    """What it imports with its first requests is not the scenes' business."""
    upstreams = competitor.upstreams[scenes[0].name]
    scene = availability_scenes.Scene("warm", "", (availability_scenes.always(availability_scenes.GOOD),) * len(upstreams),
                                      availability_scenes.asks(0.2), 1)
    for upstream in upstreams:
        upstream.open(scene, time.monotonic())
        upstream.listen()
    outcomes = [await ask_once(competitor.process.port, ask, time.monotonic(), group(scenes[0].name, ask.api, ask.model))
                for ask in scene.asks]
    for upstream in upstreams:
        upstream.stop_listening()
    return [outcome.answer.failure for outcome in outcomes if outcome.answer.failure]


def row(scene, name, result):
    reasons = ", ".join(f"{count} {reason}" for reason, count in result.reasons.most_common(3))
    away = f"{result.away} of {result.staying}" if scene.stays else ""
    return (f"| {scene.name} | {name} | {result.sent} | **{result.failed}** | {100 * result.failed / max(result.sent, 1):.1f} | {reasons} "
            f"| {result.hopeless or ''} | {result.most_attempts}, {result.mean_attempts:.2f} "
            f"| {1000 * result.median:.0f}, {1000 * result.p95:.0f} | {away} |")


def summary(scenes, records):
    """One line per scene: what failed of how many, beside each other."""
    names = list(dict.fromkeys(entry["proxy"] for entry in records))
    by_place = {(entry["scene"], entry["proxy"]): entry for entry in records}
    lines = [f"| scene | requests | failed: {' | '.join(names)} | podium's attempts: most, mean |", "|---" * (len(names) + 3) + "|"]
    for scene in scenes:
        entries = [by_place[scene.name, name] for name in names]
        failed = " | ".join(str(entry["failed"]) for entry in entries)
        lines.append(f"| {scene.name} | {entries[0]['sent']} | {failed} | {entries[0]['attempts_max']}, {entries[0]['attempts_mean']:.2f} |")
    return "\n".join(lines)


def record(scene, name, result):
    return {"scene": scene.name, "proxy": name, "planned": result.planned, "sent": result.sent, "failed": result.failed,
            "hopeless": result.hopeless, "reasons": dict(result.reasons), "attempts_max": result.most_attempts,
            "attempts_mean": round(result.mean_attempts, 3), "median_ms": round(1000 * result.median, 1),
            "p95_ms": round(1000 * result.p95, 1), "staying": result.staying, "away": result.away, "faults": result.faults}


async def run(folder, options):
    scenes = [scene for scene in availability_scenes.scenes(options.seconds, options.outage)
              if not options.only or any(scene.name.startswith(name) for name in options.only)]
    if not scenes:
        raise SystemExit("no such scene: --list names them")
    competitors = [Competitor("podium", scenes, lambda ports: podium(options.podium, ports))]
    if options.before:
        competitors.append(Competitor("before", scenes, lambda ports: podium(options.before, ports)))
    for name, command in (("haproxy", haproxy), ("nginx", nginx)):
        if name in options.proxies and not shutil.which(name):
            print(f"**{name} is left out**: it is not installed (make bench installs it)\n")
        elif name in options.proxies:
            competitors.append(Competitor(name, scenes, command))
    problems, records = [], []
    try:
        if "litellm" in options.proxies:
            await join(folder, options, scenes, competitors)
        print("| scene | proxy | requests | failed though an endpoint would have served | % | how | refused rightly "
              "| attempts: most, mean | ms: median, p95 | left the best |\n" + "|---" * 10 + "|", flush=True)
        for scene in scenes:
            totals = {competitor.name: Score(0) for competitor in competitors}
            for _ in range(options.rounds):
                for name, result in (await play(folder, scene, competitors)).items():
                    totals[name].add(result)
            for name, result in totals.items():
                print(row(scene, name, result), flush=True)
                records.append(record(scene, name, result))
                problems += [f"{scene.name}, {name}: {problem}" for problem in invalid(scene, result)]
            problems += [f"{scene.name}: {problem}" for problem in broken(scene, totals["podium"])]
        print("\n" + summary(scenes, records))
        print("\n" + "\n".join(f"- {scene.name}: {scene.says}" for scene in scenes))
    finally:
        for competitor in competitors:
            if competitor.shared and competitor.process:
                competitor.process.stop()
            for upstreams in competitor.upstreams.values():
                for upstream in upstreams:
                    upstream.close()
    if options.json:
        options.json.write_text(json.dumps(records, indent=1) + "\n")
    print("\n" + ("\n".join(f"NOT AS IT SHOULD BE: {problem}" for problem in problems) or "as it should be"))
    return bool(problems)


async def join(folder, options, scenes, competitors):
    """LiteLLM, where it can be had."""
    if not (options.litellm / "bin/litellm").exists():
        print(f"**LiteLLM is left out**: there is none in {options.litellm} (Benchmarks/run availability installs it)\n")
        return
    competitor = Competitor("litellm", scenes)
    groups = {scene.name: competitor.ports(scene) for scene in scenes}
    # The list of prices that it has is good enough; it would ask the network for a newer one.
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    competitor.process = peers.Proxy("litellm", folder, litellm(options.litellm, groups), environment, worker=NEVER, timeout=180)
    competitors.append(competitor)
    if failures := await warm(competitor, scenes):
        print(f"LiteLLM's first requests failed: {', '.join(failures)}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("podium", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--before", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--only", type=lambda names: names.split(","), help="scenes whose names begin so")
    parser.add_argument("--seconds", type=float, default=24, help="of a scene; those that change more slowly take longer")
    parser.add_argument("--outage", type=float, default=75, help="seconds that the outage lasts")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--proxies", type=lambda names: names.split(","), default=["haproxy", "nginx", "litellm"],
                        help="that stand beside Podium")
    parser.add_argument("--litellm", type=lambda path: pathlib.Path(path).absolute(), metavar="VENV",
                        default=pathlib.Path(__file__).resolve().parents[1] / ".build/litellm-venv")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--list", action="store_true", help="the scenes, and nothing else")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{scene.name:22} {scene.says}" for scene in availability_scenes.scenes(options.seconds, options.outage)))
        return
    folder = pathlib.Path(tempfile.mkdtemp(prefix="podium-bench-"))
    folder.chmod(0o755)
    try:
        sys.exit(asyncio.run(run(folder, options)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
