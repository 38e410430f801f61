@testable import Console
import PodiumModel

/// The data of the mock-ups.
enum Fixture {
    static let start = ContinuousClock.now
    /// 2026-01-15 12:04:31 UTC.
    static let noon = 1_768_435_200.0 + 43_200

    static func time(_ hour: Int, _ minute: Int, _ second: Double) -> Double {
        1_768_435_200 + Double(hour * 3_600 + minute * 60) + second
    }

    /// When the picture was taken.
    static let now = time(12, 4, 31)

    /// A series that draws as the given eighths; it has to contain the full block, which sets the scale.
    static func series(_ eighths: String) -> [Int] {
        eighths.map {
            Int(
                "▁▂▃▄▅▆▇█".distance(
                    from: "▁▂▃▄▅▆▇█".startIndex, to: "▁▂▃▄▅▆▇█".firstIndex(of: $0) ?? "▁▂▃▄▅▆▇█".startIndex))
        }
    }

    struct Row {
        var name: String
        var kind = Snapshot.Endpoint.Kind.anthropic
        var state = Snapshot.Endpoint.State.up
        var success: Double?
        var p50: Int?
        var p95: Int?
        var rate = 0.0
        var inFlight = 0
        var movement = 0
        var spark: String
    }

    static let rows: [Row] = [
        Row(
            name: "anthropic-main", success: 0.998, p50: 410, p95: 780, rate: 6.1, inFlight: 3,
            spark: "▂▃▃▅▄▃▂▃▅█▅▄▃▃▅▄"),
        Row(name: "anthropic-eu", success: 0.996, p50: 455, p95: 840, rate: 3, inFlight: 1, spark: "▂▂▃▃▂▂▃█▃▂▂▃▂▂▂▃"),
        Row(
            name: "openai-team", kind: .openAI, success: 0.991, p50: 520, p95: 910, rate: 1.9, inFlight: 1, movement: 1,
            spark: "▁▁▂█▂▂▁▁▂▂▁▂▃▂▁▂"),
        Row(
            name: "azure-gpt", kind: .openAI, state: .slow, success: 0.962, p50: 990, p95: 3_100, rate: 0.9,
            inFlight: 2,
            movement: -1, spark: "▂▃▅▇█▇▅▆▇▆▅▆▇█▇▆"),
        Row(name: "gemini-a", kind: .any, success: 0.99, p50: 610, p95: 1_200, rate: 0.5, spark: "▁▁▁▂▁▁▂▁▁█▂▁▁▁▂▁"),
        Row(name: "backup-hk", state: .down, success: 0.31, spark: "█▂▁▁▁▁▁▁▁▁▁▁▁▁▁▁"),
        Row(name: "lab-proxy", kind: .openAI, state: .off, spark: "▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁█"),
    ]

    static func endpoint(_ index: Int) -> Snapshot.Endpoint {
        let row = rows[index]
        var endpoint = Snapshot.Endpoint(id: UInt32(index + 1), name: row.name)
        endpoint.revision = 7
        endpoint.state = row.state
        endpoint.enabled = row.state != .off
        endpoint.rank = index + 1
        endpoint.priority = index + 1
        endpoint.movement = row.movement
        endpoint.traffic.successRatio = row.success
        endpoint.traffic.p50Seconds = row.p50.map { Double($0) / 1_000 }
        endpoint.traffic.p95Seconds = row.p95.map { Double($0) / 1_000 }
        endpoint.traffic.perSecond = row.rate
        endpoint.traffic.inFlight = row.inFlight
        endpoint.traffic.firstByteMillisecondsSeries = series(row.spark).map {
            // The full block is a second, which is the top of the scale of all rows.
            $0 > 0 ? Double($0) * 1_000 / 7 : nil
        }
        let url = "https://\(row.name).example.com"
        // The first one, which the form and the detail are tried with, has the URL that serves any API.
        switch index == 0 ? .any : row.kind {
        case .any: endpoint.url = url
        case .anthropic: endpoint.urlAnthropic = url
        case .openAI: endpoint.urlOpenAI = url
        }
        endpoint.authType = .apiKey
        endpoint.maskedSecret = "sk-ant-…3f9c"
        endpoint.tags = ["prod", "claude"]
        return endpoint
    }

    static func snapshot(_ count: Int = rows.count) -> ConsolePicture {
        var snapshot = ConsolePicture(receivedAt: start)
        snapshot.takenAt = now
        snapshot.server.version = "1.4.0"
        snapshot.server.address = "prod-1:8080"
        snapshot.server.uptimeSeconds = 3 * 86_400 + 4 * 3_600 + 12 * 60
        snapshot.server.configPath = "/etc/podium/config.yaml"
        snapshot.server.flushIntervalSeconds = 30
        snapshot.server.maxDirtyTimeSeconds = 300
        snapshot.traffic.perSecond = 12.4
        snapshot.traffic.p50Seconds = 0.43
        snapshot.traffic.p95Seconds = 0.812
        snapshot.traffic.p99Seconds = 2.9
        snapshot.traffic.successRatio = 0.993
        snapshot.traffic.inFlight = 7
        snapshot.traffic.bytesInPerSecond = 1_200_000
        snapshot.traffic.bytesOutPerSecond = 88_000
        snapshot.endpoints = (0..<count).map { index in
            if index < rows.count { return endpoint(index) }
            var more = Snapshot.Endpoint(id: UInt32(index + 1), name: "endpoint-\(index + 1)")
            more.rank = index + 1
            return more
        }
        snapshot.persister = dirtyPersister
        snapshot.flushes = flushes
        snapshot.events = events
        return snapshot
    }

    private static var dirtyPersister: Snapshot.Persister {
        var persister = Snapshot.Persister()
        persister.isDirty = true
        persister.strategy = "throttled"
        persister.generation = 4
        persister.oldestUnsavedSeconds = 18
        persister.nextDeadline = now + 12
        persister.maxDirtyDeadline = now + 282
        persister.writes = 212
        persister.coalesced = 37
        persister.refusals = 1
        persister.file = .init(size: 4_200, mode: 0o600, backupTime: nil)
        return persister
    }

    private static var flushes: [Snapshot.Flush] {
        func flush(_ id: UInt64, _ time: Double, _ why: String, _ count: Int, _ size: Int, _ tenths: Int)
            -> Snapshot.Flush
        {
            var flush = Snapshot.Flush(number: id, time: time, trigger: why)
            flush.result = .written
            flush.fileSize = size
            flush.totalSeconds = Double(tenths) / 10_000
            flush.changes = (1...count).map { "anthropic-main priority \($0)→\($0 + 1)" }
            flush.encodeSeconds = Double(tenths * 2) / 100_000
            flush.fsyncSeconds = Double(tenths * 8) / 100_000
            return flush
        }
        return [
            flush(210, time(12, 2, 19), "max_dirty", 11, 4_100, 410),
            flush(211, time(12, 2, 51), "operator", 1, 4_200, 29),
            flush(212, time(12, 3, 49), "interval", 4, 4_200, 32),
        ]
    }

    /// Oldest first.
    static let journal: [Snapshot.RankChange] = [
        rankChange(time: time(11, 59, 0), endpoint: "old-one", from: 5, to: 0, text: "removed"),
        rankChange(time: time(12, 0, 0), endpoint: "lab-proxy", from: 0, to: 7, text: "added"),
        rankChange(time: time(12, 3, 2), endpoint: "backup-hk", from: 2, to: 6, text: "could not be used"),
        rankChange(time: time(12, 4, 29), endpoint: "azure-gpt", from: 3, to: 4, text: "openai-team moved"),
        rankChange(time: time(12, 4, 29), endpoint: "openai-team", from: 4, to: 3, text: "moved by hand"),
    ]

    private static var events: [Snapshot.Event] {
        [
            event(1, time(12, 2, 51.339), .info, "console", "ops01@10.0.0.7 flushed by hand"),
            event(2, time(12, 3, 2.45), .error, "endpoint", "backup-hk   disabled: 5 of 5 failed (502 Bad Gateway)"),
            event(3, time(12, 3, 49.002), .info, "persist", "flushed 4 changes, 4.1 K, 3.2 ms"),
            event(4, time(12, 4, 13.87), .info, "persist", "marked dirty; flush in 30s"),
            event(5, time(12, 4, 13.87), .warning, "endpoint", "azure-gpt   slow: p95 3.1s > 2.0s for 30s"),
            event(6, time(12, 4, 29.114), .info, "console", "ops01@10.0.0.7 moved openai-team 4→3"),
        ]
    }

    static func console(
        _ columns: Int = 80, _ lines: Int = 24, _ snapshot: ConsolePicture = snapshot(), glyphs: Glyphs = .unicode,
        isReadOnly: Bool = false
    ) -> ConsoleState {
        var setup = ConsoleSetup()
        setup.glyphs = glyphs
        setup.isReadOnly = isReadOnly
        var state = ConsoleState(setup: setup, columns: columns, lines: lines, now: start)
        _ = state.handle(.snapshot(snapshot), now: start)
        return state
    }
}

extension ConsoleState {
    @discardableResult
    mutating func press(_ keys: Key..., at now: ContinuousClock.Instant = Fixture.start) -> [ConsoleEffect] {
        keys.flatMap { handle(.key($0), now: now) }
    }

    @discardableResult
    mutating func type(_ text: String, at now: ContinuousClock.Instant = Fixture.start) -> [ConsoleEffect] {
        text.flatMap { handle(.key(.character($0)), now: now) }
    }

    func screen(at now: ContinuousClock.Instant = Fixture.start) -> String {
        Self.trimmed(render(now: now).text)
    }

    /// Without blanks at line ends, which an editor would not keep in a test's source either.
    static func trimmed(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            var line = line
            while line.last == " " { line.removeLast() }
            return String(line)
        }.joined(separator: "\n")
    }
}

extension Fixture {
    static func event(_ id: UInt64, _ time: Double, _ level: EventLevel, _ source: String, _ text: String)
        -> Snapshot.Event
    {
        Snapshot.Event(id: id, time: time, level: level.rawValue, source: source, endpoint: nil, text: text)
    }

    /// A flush that failed before those of the mock-ups.
    static func failedFlush(_ code: String, _ text: String) -> Snapshot.Flush {
        var flush = Snapshot.Flush(number: 209, time: time(11, 41, 7), trigger: "interval")
        flush.result = .failed
        flush.errorCode = code
        flush.error = text
        return flush
    }

    static func explanation(_ sentences: [String], rankChanges: Int = 0) -> Snapshot.Explanation {
        var explanation = Snapshot.Explanation()
        explanation.sentences = sentences
        explanation.rankChanges = rankChanges
        return explanation
    }

    static func rankChange(time: Double, endpoint: String, from: Int, to: Int, text: String) -> Snapshot.RankChange {
        var change = Snapshot.RankChange()
        change.time = time
        change.endpoint = endpoint
        change.from = from
        change.to = to
        change.text = text
        return change
    }
}

/// The command among the effects.
func command(_ effects: [ConsoleEffect]) -> Command? {
    for case .perform(_, let command) in effects { return command }
    return nil
}

extension ConsoleState {
    /// Answers the command that the keys have just given.
    mutating func succeed(
        _ effects: [ConsoleEffect], _ message: String = "done", undo: String? = nil,
        at now: ContinuousClock.Instant = Fixture.start
    ) {
        for case .perform(let id, _) in effects {
            _ = handle(.commandFinished(id, .success(.done(CommandReceipt(message: message, undo: undo)))), now: now)
        }
    }
}

extension Fixture {
    /// Answers what the traffic panel asks: busier and slower towards now, with a gap and some failures.
    static func answerTraffic(_ state: inout ConsoleState, at now: ContinuousClock.Instant = start) {
        // A question that was under way is answered first, then the one that is wanted now.
        answer(&state, state.traffic.asking.map { .perform($0.0, .usage($0.1)) }, at: now)
        answer(&state, state.handle(.snapshot(state.latest), now: now), at: now)
    }

    private static func answer(_ state: inout ConsoleState, _ effects: [ConsoleEffect], at now: ContinuousClock.Instant)
    {
        for case .perform(let id, .usage(let question)) in effects {
            guard let span = TrafficView.Span.allCases.first(where: { $0.question == question.span }) else { continue }
            let buckets = span.buckets(local: Int(state.latest.takenAt) + state.latest.utcOffset)
            let share = question.endpoint == nil ? 1 : question.endpoint == "anthropic-main" ? 2 : 4
            let rows = buckets.enumerated().compactMap { index, bucket -> UsageReport.Row? in
                if index % 10 == 3 { return nil }
                var row = UsageReport.Row(values: [bucket])
                row.requests = Int64(8 * (index + 1) / share)
                (row.attempts, row.failed) = (row.requests, index % 7 == 0 ? 1 : 0)
                (row.firstContentP50Seconds, row.firstContentP95Seconds) = (0.2, 0.4 + Double(index) / 100)
                row.tokensPerSecondP50 = 60 + Double(index % 5)
                row.cost = String(Double(index) / 10)
                return row
            }
            var total = UsageReport.Row(values: [])
            (total.requests, total.cost) = (rows.reduce(0) { $0 + $1.requests }, "12.5")
            let report = UsageReport(
                span: question.span, by: question.by, currency: "USD", pricesDate: "", problem: nil, rows: rows,
                total: total)
            _ = state.handle(.commandFinished(id, .success(.usage(report))), now: now)
        }
    }
}

extension Fixture {
    /// Answers what the requests panel asks: two requests run, two have ended.
    static func answerRequests(
        _ state: inout ConsoleState, without key: String? = nil, at now: ContinuousClock.Instant = start
    ) {
        var slow = OpenRequestReport.Row(
            key: "0-7", id: "req-slow", age: 125, phase: .waiting, client: "ops", path: "/v1/responses")
        (slow.endpoint, slow.model, slow.attempts, slow.bytesUp) = ("azure-gpt", "gpt-5", 2, 40_000)
        var streaming = OpenRequestReport.Row(
            key: "1-3", id: "req-stream", age: 3, phase: .streaming, client: "10.0.0.9", path: "/v1/messages")
        (streaming.endpoint, streaming.model, streaming.attempts) = ("anthropic-main", "claude-opus", 1)
        (streaming.bytesUp, streaming.bytesDown, streaming.events) = (2_000, 9_000, 41)
        var ended = RequestLogReport.Row(key: 9, time: time(12, 4, 29), kind: "messages", ending: "completed")
        (ended.id, ended.status, ended.endpoint, ended.model) = ("req-ended", 200, "anthropic-main", "claude-opus")
        (ended.attempts, ended.input, ended.output, ended.bytesUp, ended.bytesDown) = (1, 1_200, 310, 3_000, 12_000)
        var failed = RequestLogReport.Row(key: 8, time: time(12, 4, 20), kind: "messages", ending: "broken_stream")
        (failed.id, failed.status, failed.endpoint, failed.failed, failed.attempts) = (
            "req-bad", 200, "backup-hk", true, 1
        )
        for case .perform(let id, let command) in state.handle(.snapshot(state.latest), now: now) {
            switch command {
            case .openRequests:
                let open = OpenRequestReport(requests: [slow, streaming].filter { $0.key != key })
                _ = state.handle(.commandFinished(id, .success(.openRequests(open))), now: now)
            case .loggedRequests:
                let log = RequestLogReport(problem: nil, requests: [ended, failed])
                _ = state.handle(.commandFinished(id, .success(.loggedRequests(log))), now: now)
            default: break
            }
        }
    }
}
