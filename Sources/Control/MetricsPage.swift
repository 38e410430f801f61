internal import Engine
internal import Persistence
internal import PodiumModel
internal import Proxy
internal import Ranking
internal import Support

/// What `/metrics` answers.
struct MetricsPage {
    private(set) var text: String

    init(
        _ metrics: EngineMetrics, process: ProcessFacts, facts: ServerFacts, startedAt: ContinuousClock.Instant,
        cluster: ClusterReport? = nil
    ) {
        var page = MetricsText()
        page.begin("podium_info", .gauge, "Always 1; the labels say which Podium this is.")
        page.sample(1, [("version", facts.version)])
        page.addTraffic(metrics)
        page.addUsage(metrics.usage)
        page.addRanking(metrics)
        page.addPersister(metrics)
        page.addProcess(process, startTime: metrics.seconds(startedAt))
        if let cluster { page.addCluster(cluster) }
        text = page.text
    }
}

extension MetricsText {
    mutating func addCluster(_ cluster: ClusterReport) {
        begin("podium_cluster_connected", .gauge, "1 while the cluster's store can be reached.")
        sample(cluster.isConnected)
        begin("podium_cluster_revision", .gauge, "The newest change of the cluster's log that is in force here.")
        sample(cluster.revision)
        begin("podium_cluster_pending_changes", .gauge, "Changes made here that the store is not known to have.")
        sample(cluster.pending)
        begin("podium_cluster_instance_up", .gauge, "1 where the instance's heartbeat is not older than 15 seconds.")
        for one in cluster.instances { line([("instance", one.name)], "", one.isAlive ? "1" : "0") }
        begin(
            "podium_cluster_instance_behind_seconds", .gauge,
            "For so long there has been a change that the instance does not have in force.")
        for one in cluster.instances {
            line([("instance", one.name)], "", Self.number(one.behindSeconds ?? 0))
        }
    }

    private mutating func addClients(_ clients: [UsageCounters.ClientSample]) {
        begin("podium_client_tokens_total", .counter, "Tokens that named clients used, by client and kind.")
        for one in clients {
            for (kind, tokens) in zip(UsageCounters.kinds, one.tokens) where tokens > 0 {
                line([("client", one.client), ("kind", kind)], "", String(tokens))
            }
        }
        begin("podium_client_cost_total", .counter, "What that cost by the prices; not a bill.")
        for one in clients { line([("client", one.client)], "", String(one.cost)) }
    }

    fileprivate mutating func addUsage(_ usage: UsageCounters) {
        begin(
            "podium_tokens_total", .counter,
            "Tokens that answers say were used, by endpoint, model that answered, and kind; input is without what came from or went into a cache."
        )
        for one in usage.samples {
            for (kind, tokens) in zip(UsageCounters.kinds, one.tokens) where tokens > 0 {
                line([("endpoint", one.endpoint), ("model", one.model), ("kind", kind)], "", String(tokens))
            }
        }
        begin("podium_cost_total", .counter, "What that cost by the prices, of requests that have one; not a bill.")
        for one in usage.samples {
            line([("endpoint", one.endpoint), ("model", one.model)], "", String(one.cost))
        }
        begin("podium_unpriced_requests_total", .counter, "Requests with usage whose model has no price.")
        for one in usage.samples where one.unpriced > 0 {
            line([("endpoint", one.endpoint), ("model", one.model)], "", String(one.unpriced))
        }
        begin(
            "podium_unread_requests_total", .counter,
            "Answers of models that did not say what was used, or could not be read.")
        for one in usage.samples where one.unread > 0 {
            line([("endpoint", one.endpoint), ("model", one.model)], "", String(one.unread))
        }
        addClients(usage.clients)
        begin("podium_history_lost_total", .counter, "Requests that could not be added up.")
        sample(usage.lost)
        begin("podium_history_commits_total", .counter, "Writes of the history's file.")
        sample(usage.commits)
        begin("podium_history_failing", .gauge, "1 while the history's file cannot be written.")
        sample(usage.isFailing ? 1 : 0)
        begin("podium_history_unlogged_total", .counter, "Requests for which there was no room in the log of requests.")
        sample(usage.unlogged)
    }

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
                ("rate_limited", counters.rateLimited), ("refused", counters.refused),
                ("misconfigured", counters.misconfigured), ("declined", counters.declined),
                ("abandoned", counters.abandoned),
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
        for (name, counters) in all where !counters.firstByte.isEmpty {
            add(counters.firstByte, [("endpoint", name)])
        }
        begin(
            "podium_first_token_seconds", .histogram,
            "Time from sending a request to an endpoint to the first content of its answer, of streams.")
        for (name, counters) in all where !counters.firstToken.isEmpty {
            add(counters.firstToken, [("endpoint", name)])
        }
        begin(
            "podium_whole_answer_seconds", .histogram,
            "Time from sending a request to an endpoint to the end of its answer, of answers of models that are no streams."
        )
        for (name, counters) in all where !counters.whole.isEmpty {
            add(counters.whole, [("endpoint", name)])
        }
        addSpeeds(all)
        begin(
            "podium_request_first_byte_seconds", .histogram,
            "Time from reading a client's request to the first byte sent back, failover included.")
        add(metrics.firstByte, [])
        begin(
            "podium_request_first_content_seconds", .histogram,
            "Time from reading a client's request to the first content sent back, failover included; of answers that come whole to their end."
        )
        add(metrics.firstContent, [])
        sampleEach(
            "podium_request_body_bytes_total", .counter, "Body bytes from clients by endpoint.", metrics, \.bytesIn)
        sampleEach(
            "podium_response_body_bytes_total", .counter, "Body bytes to clients by endpoint.", metrics, \.bytesOut)
        begin("podium_client_requests_total", .counter, "Requests of named clients.")
        for (client, count) in metrics.clientRequests.sorted(by: { $0.key < $1.key }) {
            sample(count, [("client", client)])
        }
        begin("podium_client_limit_used", .gauge, "The same as podium_endpoint_limit_used of a client's limits.")
        for client in metrics.clients {
            for limit in client.usedLimits { sample(limit.used, [("client", client.name), ("limit", limit.name)]) }
        }
        begin("podium_client_limit", .gauge, "How much of a client's limits may be used.")
        for client in metrics.clients {
            for limit in client.usedLimits { sample(limit.usable, [("client", client.name), ("limit", limit.name)]) }
        }
        begin("podium_requests_in_flight", .gauge, "Client requests being served now.")
        sample(metrics.requestsInFlight)
        sampleEach(
            "podium_endpoint_requests_in_flight", .gauge, "Attempts that run at an endpoint now.", metrics, \.inFlight)
        addPlaces(metrics)
        sampleEach(
            "podium_sessions", .gauge, "Sessions of clients that have their cache at an endpoint and are running.",
            metrics,
            \.sessions)
        begin("podium_client_connections", .gauge, "Open client connections, resting ones included.")
        sample(metrics.connections)
        begin("podium_replay_bytes", .gauge, "Bytes of request bodies that are kept for the next endpoint.")
        sample(metrics.replayBytes)
        begin(
            "podium_unreplayable_requests_total", .counter,
            "Requests that were not kept for another endpoint, since server.replay_memory was used up.")
        sample(metrics.unreplayable)
        begin(
            "podium_shadow_failovers_total", .counter,
            "Answers that passed under failover.commit: shadow and would have gone to another endpoint under content.")
        sample(metrics.shadowed)
        begin(
            "podium_repaired_requests_total", .counter,
            "Requests that an endpoint was sent again without what another one had signed or encrypted.")
        sample(metrics.repaired)
        begin("podium_events_total", .counter, "Lines written to the event log.")
        sample(metrics.events)
    }

    /// Of `max_in_flight`, and of the line of requests before endpoints that are full.
    private mutating func addPlaces(_ metrics: EngineMetrics) {
        sampleEach(
            "podium_endpoint_max_in_flight", .gauge, "Attempts that may run at an endpoint at once; 0 for any number.",
            metrics, \.maxInFlight)
        sampleEach(
            "podium_endpoint_queued_requests", .gauge, "Requests that wait for a place at an endpoint.", metrics,
            \.queued)
        sampleEach(
            "podium_endpoint_overflows_total", .counter, "Requests that passed an endpoint over since it was full.",
            metrics, \.overflows)
        begin(
            "podium_endpoint_limit_used", .gauge,
            "Requests, tokens or money used of an endpoint's limits in their present minute, day, week or month.")
        for endpoint in metrics.endpoints {
            for limit in endpoint.usedLimits {
                sample(limit.used, [("endpoint", endpoint.name), ("limit", limit.name)])
            }
        }
        begin("podium_endpoint_limit", .gauge, "How much of an endpoint's limits may be used.")
        for endpoint in metrics.endpoints {
            for limit in endpoint.usedLimits {
                sample(limit.usable, [("endpoint", endpoint.name), ("limit", limit.name)])
            }
        }
        begin("podium_queued_requests", .gauge, "Requests that wait for a place at any endpoint.")
        sample(metrics.queue.waiting)
        begin("podium_queued_requests_total", .counter, "Requests that have waited for a place.")
        sample(metrics.queue.queued)
        begin("podium_queue_refusals_total", .counter, "Requests that found the queue full, or waited in vain.")
        line([("reason", "full")], "", String(metrics.queue.turnedAway))
        line([("reason", "expired")], "", String(metrics.queue.expired))
    }

    /// A family with one sample for each endpoint.
    private mutating func sampleEach(
        _ name: String, _ kind: Kind, _ help: String, _ metrics: EngineMetrics,
        _ value: KeyPath<EngineMetrics.Endpoint, some BinaryInteger>
    ) {
        begin(name, kind, help)
        for endpoint in metrics.endpoints { line([("endpoint", endpoint.name)], "", String(endpoint[keyPath: value])) }
    }

    /// How fast streams are written once they have begun: a sum and a count, of which a mean over any time can be made.
    private mutating func addSpeeds(_ all: [(String, EndpointCounters)]) {
        let known = all.filter { $0.1.speed.streams > 0 }
        begin(
            "podium_stream_speed_tokens_per_second", .summary,
            "Output tokens per second between the first and the last content of a stream.")
        for (name, counters) in known {
            line([("endpoint", name)], "_sum", thousandths(counters.speed.sumThousandths))
            line([("endpoint", name)], "_count", String(counters.speed.streams))
        }
    }

    private func thousandths(_ number: UInt64) -> String {
        "\(number / 1_000).\(String(1_000 + number % 1_000).dropFirst())"
    }

    private mutating func add(_ times: TimeHistogram, _ labels: [Label]) {
        histogram(
            bounds: times.bounds, counts: times.counts, sumMicroseconds: times.sumMicroseconds, labels)
    }

    fileprivate mutating func addRanking(_ metrics: EngineMetrics) {
        sampleEach("podium_endpoint_rank", .gauge, "Rank of the endpoint; 1 is tried first.", metrics, \.rank)
        begin("podium_endpoint_state", .gauge, "1 for the state the endpoint is in, 0 for the others.")
        for endpoint in metrics.endpoints {
            let present = endpoint.availabilityKind.rawValue
            for state in Snapshot.Endpoint.Availability.Kind.allCases.map(\.rawValue) {
                sample(state == present, [("endpoint", endpoint.name), ("state", state)])
            }
        }
        begin(
            "podium_endpoint_time_out_end_seconds", .gauge,
            "When a time out that a refusal asked for ends, of the endpoint (model empty) or of one model, since unix epoch."
        )
        for endpoint in metrics.endpoints {
            if case .timedOut(let until, let reason) = endpoint.availability {
                addTimeOut(endpoint.name, "", metrics.seconds(until), reason)
            }
            for limited in endpoint.limitedModels {
                addTimeOut(endpoint.name, limited.name, metrics.seconds(limited.until), limited.reason)
            }
        }
        sampleEach(
            "podium_endpoint_rank_changes_total", .counter, "How often the endpoint's rank changed.", metrics,
            \.rankChanges)
        begin("podium_auto_sort", .gauge, "Whether the ranking sorts itself.")
        sample(metrics.isAutoSorting)
        begin("podium_config_revision", .gauge, "Raised by each change that somebody made to the configuration.")
        sample(metrics.revision)
    }

    private mutating func addTimeOut(_ endpoint: String, _ model: String, _ end: Double, _ reason: TimeOutReason) {
        sample(end, [("endpoint", endpoint), ("model", model), ("reason", reason.cause.rawValue)])
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

extension MetricsText {
    mutating func addPersister(_ metrics: EngineMetrics) {
        let statistics = metrics.persister
        addCounters(statistics)
        begin("podium_persist_dirty", .gauge, "Whether anything accepted is not on disk.")
        sample(statistics.dirtySince != nil)
        begin("podium_persist_overdue", .gauge, "Whether changes are unsaved for longer than the maximum dirty time.")
        sample(statistics.isOverdue)
        begin("podium_persist_memory_only", .gauge, "Whether nothing is written into the file, on purpose.")
        sample(statistics.memoryOnly != nil)
        begin(
            "podium_persist_oldest_unsaved_age_seconds", .gauge,
            "Age of the oldest unsaved change; 0 when all is saved.")
        sample(statistics.oldestUnsavedAge?.inSeconds ?? 0)
        let instants: [(String, String, ContinuousClock.Instant?)] = [
            (
                "podium_persist_dirty_since_timestamp_seconds",
                "Time of the oldest unsaved change; absent when all is saved.",
                statistics.dirtySince
            ),
            (
                "podium_persist_next_deadline_timestamp_seconds",
                "When the next automatic flush or retry starts; absent without one.",
                statistics.nextDeadline
            ),
            (
                "podium_persist_max_dirty_timestamp_seconds",
                "When unsaved changes become overdue; absent when all is saved.",
                statistics.maxDirtyDeadline
            ),
        ]
        for (name, help, instant) in instants {
            begin(name, .gauge, help)
            if let instant {
                sample(metrics.seconds(instant))
            }
        }
        begin("podium_persist_writing", .gauge, "Whether a flush runs now.")
        sample(statistics.writingSince != nil)
        begin("podium_persist_consecutive_failures", .gauge, "Failed flushes since the last success.")
        sample(statistics.consecutiveFailures)
        begin("podium_persist_generation", .gauge, "Raised by each accepted change.")
        sample(statistics.generation)
        begin("podium_persist_saved_generation", .gauge, "The newest generation that is on disk.")
        sample(statistics.savedGeneration)
        begin(
            "podium_persist_last_flush_timestamp_seconds", .gauge, "Start of the last flush; absent before the first.")
        if let flush = metrics.lastFlush {
            sample(flush.startedAt.inSeconds)
        }
        begin(
            "podium_persist_last_flush_duration_seconds", .gauge,
            "Duration of the last flush by step; absent before the first.")
        if let durations = metrics.lastFlush?.durations {
            for (step, duration) in [
                ("encode", durations.encode), ("write", durations.write), ("fsync", durations.fsync),
                ("rename", durations.rename), ("total", durations.total),
            ] {
                sample(duration.inSeconds, [("step", step)])
            }
        }
    }

    private mutating func addCounters(_ statistics: PersisterStatistics) {
        begin("podium_persist_marks_total", .counter, "Accepted automatic changes.")
        sample(statistics.marks)
        begin(
            "podium_persist_coalesced_total", .counter,
            "Marks that joined an already dirty state: writes that throttling saved.")
        sample(statistics.coalesced)
        begin("podium_persist_writes_total", .counter, "Writes that reached the disk, by what made them due.")
        for trigger in FlushTrigger.allCases {
            sample(statistics.writes[trigger] ?? 0, [("trigger", trigger.rawValue)])
        }
        begin("podium_persist_failures_total", .counter, "Failed flushes by error.")
        for (code, count) in statistics.failuresByErrno.sorted(by: { $0.key < $1.key }) {
            sample(count, [("error", PersistenceError.symbol(ofErrno: code))])
        }
        let counters: [(String, String, UInt64)] = [
            ("podium_persist_unchanged_total", "Flushes that found nothing to write.", statistics.unchanged),
            ("podium_persist_refusals_total", "Flushes that were refused.", statistics.refusals),
            (
                "podium_persist_written_bytes_total", "Bytes written to temporaries, journals and backups.",
                statistics.bytesWritten
            ),
            (
                "podium_persist_external_edits_merged_total", "Edits of the file by others that were taken in.",
                statistics.externalEditsMerged
            ),
            (
                "podium_persist_conflicts_total", "Fields changed on both sides, where the file won.",
                statistics.conflicts
            ),
            (
                "podium_persist_backups_failed_total", "Displaced files that could not be kept as the backup.",
                statistics.backupsFailed
            ),
            (
                "podium_persist_durability_unknown_total", "Writes whose directory did not sync.",
                statistics.durabilityUnknown
            ),
        ]
        for (name, help, value) in counters {
            begin(name, .counter, help)
            sample(value)
        }
    }
}

/// Prometheus' text format, version 0.0.4. Pure.
struct MetricsText {
    enum Kind: String {
        case counter, gauge, histogram, summary
    }

    /// A label and its value.
    typealias Label = (name: String, value: String)

    private(set) var text = ""
    private var family = ""

    /// Begins a family: all its samples follow at once.
    mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
        family = name
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    mutating func sample(_ value: Double, _ labels: [Label] = [], suffix: String = "") {
        line(labels, suffix, Self.number(value))
    }

    mutating func sample(_ value: UInt64, _ labels: [Label] = []) {
        line(labels, "", String(value))
    }

    mutating func sample(_ value: Int, _ labels: [Label] = []) {
        line(labels, "", String(value))
    }

    mutating func sample(_ flag: Bool, _ labels: [Label] = []) {
        line(labels, "", flag ? "1" : "0")
    }

    /// A histogram of times counted in microseconds, given in seconds.
    mutating func histogram(bounds: [UInt64], counts: [UInt64], sumMicroseconds: UInt64, _ labels: [Label] = []) {
        var total: UInt64 = 0
        for (index, count) in counts.enumerated() {
            total += count
            let bound = index < bounds.count ? Self.number(Double(bounds[index]) / 1e6) : "+Inf"
            line(labels + [("le", bound)], "_bucket", String(total))
        }
        line(labels, "_sum", Self.number(Double(sumMicroseconds) / 1e6))
        line(labels, "_count", String(total))
    }

    private mutating func line(_ labels: [Label], _ suffix: String, _ value: String) {
        text += family + suffix
        if !labels.isEmpty {
            let list = labels.map { label in
                // Of the control characters the format escapes the line feed alone.
                label.name + "=" + QuotedText.quoted(label.value) { $0 == "\n" ? "\\n" : nil }
            }
            text += "{\(list.joined(separator: ","))}"
        }
        text += " \(value)\n"
    }

    private static func number(_ value: Double) -> String {
        guard value.isFinite else {
            return value.isNaN ? "NaN" : value > 0 ? "+Inf" : "-Inf"
        }
        return value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : "\(value)"
    }
}
