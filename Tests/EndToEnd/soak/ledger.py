"""Holds what clients saw, the access log, the metrics and the endpoints' own journals against each other."""

import collections
import json
import re

# What the access log may call the end of a request, by what its client saw.
ENDINGS = {
    "whole": {"completed", "answered_locally"},
    "cut": {"broken_stream"},
    "left": {"completed", "client_closed", "answered_locally", "broken_stream"},
}
# The access log's words for an attempt's outcome, as the metrics count them.
OUTCOMES = {"ok": "success", "gone": "abandoned", "declined": "declined", "rate_limited": "rate_limited", "overloaded": "rate_limited", "credential": "misconfigured", "quota": "refused", "model": "refused", "rule": "refused"}
# Beyond `replay_limit` a request cannot go elsewhere, so its endpoint's failure is its answer. In the first second also the refusal of
# the endpoint that knows no key, which no request has found out about yet.
UNKEPT = {200, 401, 408, 429, 500, 502, 503, 504, 529}


def read_log(path):
    """The lines by request id."""
    lines = collections.defaultdict(list)
    for text in path.read_text().splitlines():
        line = json.loads(text)
        lines[line.get("request", "lost")].append(line)
    return lines


def metrics(text):
    """{name: {labels: value}} of a metrics page."""
    values = collections.defaultdict(dict)
    for line in text.splitlines():
        if matched := re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line):
            labels = tuple(value for _, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', matched[2] or ""))
            values[matched[1]][labels] = float(matched[3])
    return values


def unexplained(seen, lines):
    """What clients and log do not agree on, as text."""
    findings = [f"the log lost {line}" for line in lines.pop("lost", [])]
    for identity in lines.keys() - seen.keys():
        findings.append(f"logged and never sent: {lines[identity]}")
    for identity, client in seen.items():
        logged = lines.get(identity, [])
        if len(logged) != 1:
            if not (client.unread and not logged):
                findings.append(f"{identity} logged {len(logged)} times; the client saw {client}")
            continue
        line = logged[0]
        agreed = line["ending"] in ENDINGS[client.ending] and (client.status in (None, line["status"]))
        if client.ending == "whole":
            agreed = agreed and (line["ending"] == "answered_locally" or line["bytes_down"] == client.body)
        expected = {"without token": {401}, "long upload": UNKEPT}.get(client.kind, {200, 204, 404})
        if client.ending != "left" and client.status not in expected or not agreed:
            findings.append(f"the client saw {client}, the log says {line}")
        if client.ending == "cut" and client.kind not in ("broken", "patient"):
            findings.append(f"cut short without reason: {client}, {line}")
    return findings


def miscounted(page, lines, names):
    """Where the metrics differ from the sum of the log's lines, for the endpoints that were there all the time."""
    requests, attempts = collections.Counter(), collections.Counter()
    for (line,) in lines.values():
        code = "none" if line["status"] is None else str(line["status"])
        requests[line["endpoint"] or "", code, line["ending"]] += 1
        for attempt in line["attempts"]:
            attempts[attempt["endpoint"], OUTCOMES.get(attempt["outcome"], "failure")] += 1
    counted = metrics(page)
    findings = []
    for name, sums in (("podium_requests_total", requests), ("podium_attempts_total", attempts)):
        for labels in sums.keys() | counted[name].keys():
            if labels[0] in names and sums[labels] != counted[name].get(labels, 0):
                findings.append(f"{name}{labels}: {sums[labels]} in the log, {counted[name].get(labels, 0):g} counted")
    return findings


def unrequited(journals, lines, names_by_port):
    """Requests that reached an endpoint and are in no line of the log as an attempt there, and the reverse."""
    findings = []
    asked = collections.defaultdict(set)
    for identity, logged in lines.items():
        for attempt in logged[0]["attempts"]:
            asked[identity].add(attempt["endpoint"])
            answered = attempt["status"] is not None
            ports = [port for port, names in names_by_port.items() if attempt["endpoint"] in names]
            if answered and not any(identity in journals.get(port, ()) for port in ports):
                findings.append(f"{identity}: {attempt['endpoint']} answered what it never got")
    for port, journal in journals.items():
        for identity in journal:
            if not asked[identity] & names_by_port[port]:
                findings.append(f"{identity} reached {names_by_port[port]} and the log does not know")
    return findings
