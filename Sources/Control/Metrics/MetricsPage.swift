internal import Engine
internal import PodiumModel
internal import Proxy
internal import Ranking

/// What `/metrics` answers.
struct MetricsPage {
    private(set) var text: String

    init(_ metrics: EngineMetrics, process: ProcessFacts, facts: ServerFacts, startedAt: ContinuousClock.Instant) {
        var page = MetricsText()
        page.begin("podium_info", .gauge, "Always 1; the labels say which Podium this is.")
        page.sample(1, [("version", facts.version)])
        page.addTraffic(metrics)
        page.addRanking(metrics)
        page.addPersister(metrics)
        page.addProcess(process, startTime: metrics.seconds(startedAt))
        text = page.text
    }
}

extension MetricsText {
    fileprivate mutating func addTraffic(_ metrics: EngineMetrics) {
        let all = metrics.endpoints.map { ($0.name, $0.counters) }
        let tallies = all.map { ($0, $1.requests) } + [("", metrics.unanswered)]

        begin(
            "podium_requests_total", .counter,
            "Client requests by the endpoint whose answer went to the client (empty: none), status and how they ended.")
        for (name, tally) in tallies {
            for entry in tally.entries {
                sample(
                    entry.count,
                    [
                        ("endpoint", name), ("code", entry.status == 0 ? "none" : String(entry.status)),
                        ("outcome", entry.ending.rawValue),
                    ])
            }
        }
        begin(
            "podium_attempts_total", .counter,
            "Attempts at endpoints by outcome; a request that fails over makes several.")
        for (name, counters) in all {
            for (outcome, count) in [
                ("success", counters.successes), ("failure", counters.failures),
                ("rate_limited", counters.rateLimited), ("misconfigured", counters.misconfigured),
                ("declined", counters.declined), ("abandoned", counters.abandoned),
            ] {
                sample(count, [("endpoint", name), ("outcome", outcome)])
            }
        }
        begin("podium_attempt_errors_total", .counter, "Failed attempts by what they failed by.")
        for endpoint in metrics.endpoints {
            for (kind, count) in endpoint.errors.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                sample(count, [("endpoint", endpoint.name), ("kind", kind.rawValue)])
            }
        }
        begin(
            "podium_attempt_first_byte_seconds", .histogram,
            "Time from sending a request to an endpoint to the first byte of its answer, successful attempts.")
        // Without a sample there is nothing to tell, in 17 lines for each of perhaps thousands.
        for (name, counters) in all where counters.firstByte.counts.contains(where: { $0 > 0 }) {
            add(counters.firstByte, [("endpoint", name)])
        }
        begin(
            "podium_request_first_byte_seconds", .histogram,
            "Time from reading a client's request to the first byte sent back, failover included.")
        add(metrics.firstByte, [])
        begin("podium_request_body_bytes_total", .counter, "Body bytes from clients by endpoint.")
        for endpoint in metrics.endpoints {
            sample(endpoint.bytesIn, [("endpoint", endpoint.name)])
        }
        begin("podium_response_body_bytes_total", .counter, "Body bytes to clients by endpoint.")
        for endpoint in metrics.endpoints {
            sample(endpoint.bytesOut, [("endpoint", endpoint.name)])
        }
        begin("podium_requests_in_flight", .gauge, "Client requests being served now.")
        sample(metrics.requestsInFlight)
        begin("podium_endpoint_requests_in_flight", .gauge, "Attempts that run at an endpoint now.")
        for endpoint in metrics.endpoints {
            sample(endpoint.inFlight, [("endpoint", endpoint.name)])
        }
        begin("podium_client_connections", .gauge, "Open client connections, resting ones included.")
        sample(metrics.connections)
        begin("podium_events_total", .counter, "Lines written to the event log.")
        sample(metrics.events)
    }

    private mutating func add(_ times: FirstByteHistogram, _ labels: [Label]) {
        histogram(
            bounds: FirstByteHistogram.bounds, counts: times.counts, sumMicroseconds: times.sumMicroseconds, labels)
    }

    fileprivate mutating func addRanking(_ metrics: EngineMetrics) {
        begin("podium_endpoint_rank", .gauge, "Rank of the endpoint; 1 is tried first.")
        for endpoint in metrics.endpoints {
            sample(endpoint.rank, [("endpoint", endpoint.name)])
        }
        begin("podium_endpoint_state", .gauge, "1 for the state the endpoint is in, 0 for the others.")
        for endpoint in metrics.endpoints {
            let present = endpoint.availabilityKind.rawValue
            for state in Snapshot.Endpoint.Availability.Kind.allCases.map(\.rawValue) {
                sample(state == present, [("endpoint", endpoint.name), ("state", state)])
            }
        }
        begin("podium_endpoint_rank_changes_total", .counter, "How often the endpoint's rank changed.")
        for endpoint in metrics.endpoints {
            sample(endpoint.rankChanges, [("endpoint", endpoint.name)])
        }
        begin("podium_auto_sort", .gauge, "Whether the ranking sorts itself.")
        sample(metrics.isAutoSorting)
        begin("podium_config_revision", .gauge, "Raised by each change that somebody made to the configuration.")
        sample(metrics.revision)
    }

    fileprivate mutating func addProcess(_ process: ProcessFacts, startTime: Double) {
        begin("process_start_time_seconds", .gauge, "Start time of the process since unix epoch in seconds.")
        sample(startTime)
        if let seconds = process.cpuSeconds {
            begin("process_cpu_seconds_total", .counter, "Total user and system CPU time spent in seconds.")
            sample(seconds)
        }
        for (name, help, value) in [
            ("process_resident_memory_bytes", "Resident memory size in bytes.", process.residentBytes),
            ("process_virtual_memory_bytes", "Virtual memory size in bytes.", process.virtualBytes),
            (
                "process_open_fds", "Number of open file descriptors.",
                process.openDescriptors.map { UInt64(max(0, $0)) }
            ),
            ("process_max_fds", "Maximum number of open file descriptors.", process.maxDescriptors),
        ] {
            if let value {
                begin(name, .gauge, help)
                sample(value)
            }
        }
    }
}
