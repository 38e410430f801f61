@testable import Console

/// The data of the mock-ups.
enum Fixture {
    static let start = ContinuousClock.now
    /// 2026-01-15 12:04:31 UTC.
    static let noon = 1_768_435_200.0 + 43_200

    static func time(_ hour: Int, _ minute: Int, _ second: Double) -> WallTime {
        WallTime(secondsSinceEpoch: 1_768_435_200 + Double(hour * 3_600 + minute * 60) + second)
    }

    /// A series that draws as the given eighths; it has to contain the full block, which sets the scale.
    static func series(_ eighths: String) -> [UInt32] {
        eighths.map {
            UInt32(
                "▁▂▃▄▅▆▇█".distance(
                    from: "▁▂▃▄▅▆▇█".startIndex, to: "▁▂▃▄▅▆▇█".firstIndex(of: $0) ?? "▁▂▃▄▅▆▇█".startIndex))
        }
    }

    struct Row {
        var name: String
        var kind = EndpointStatus.Kind.anthropic
        var state = EndpointStatus.State.up
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

    static func endpoint(_ index: Int) -> EndpointStatus {
        let row = rows[index]
        var endpoint = EndpointStatus(id: UInt32(index + 1), name: row.name)
        endpoint.revision = 7
        endpoint.kind = row.kind
        endpoint.state = row.state
        endpoint.isEnabled = row.state != .off
        endpoint.rank = index + 1
        endpoint.priority = index + 1
        endpoint.rankMovement = row.movement
        endpoint.successRate = row.success
        endpoint.p50 = row.p50.map { .milliseconds($0) }
        endpoint.p95 = row.p95.map { .milliseconds($0) }
        endpoint.requestsPerSecond = row.rate
        endpoint.inFlight = row.inFlight
        endpoint.latencySeries = series(row.spark)
        endpoint.url = "https://\(row.name).example.com"
        endpoint.authType = .apiKey
        endpoint.maskedSecret = "sk-ant-…3f9c"
        endpoint.tags = ["prod", "claude"]
        return endpoint
    }

    static func snapshot(_ count: Int = rows.count) -> DashboardSnapshot {
        var snapshot = DashboardSnapshot(sampledAt: start)
        snapshot.wallClock = time(12, 4, 31)
        snapshot.server.version = "1.4.0"
        snapshot.server.address = "prod-1:8080"
        snapshot.server.uptime = .seconds(3 * 86_400 + 4 * 3_600 + 12 * 60)
        snapshot.traffic.requestsPerSecond = 12.4
        snapshot.traffic.p50 = .milliseconds(430)
        snapshot.traffic.p95 = .milliseconds(812)
        snapshot.traffic.p99 = .milliseconds(2_900)
        snapshot.traffic.errorRate = 0.007
        snapshot.traffic.inFlight = 7
        snapshot.traffic.bytesInPerSecond = 1_200_000
        snapshot.traffic.bytesOutPerSecond = 88_000
        snapshot.endpoints = (0..<count).map { index in
            if index < rows.count { return endpoint(index) }
            var more = EndpointStatus(id: UInt32(index + 1), name: "endpoint-\(index + 1)")
            more.rank = index + 1
            return more
        }
        snapshot.persister = dirtyPersister
        snapshot.flushes = flushes
        snapshot.events = events
        return snapshot
    }

    private static var dirtyPersister: PersisterStatus {
        var persister = PersisterStatus()
        persister.isDirty = true
        persister.unsavedChanges = 4
        persister.oldestUnsaved = .seconds(18)
        persister.nextFlush = start + .seconds(12)
        persister.maxDirty = start + .seconds(282)
        persister.writes = 212
        persister.coalesced = 37
        persister.failures = 1
        persister.filePath = "/etc/podium/config.yaml"
        persister.fileSize = 4_200
        persister.fileMode = 0o600
        return persister
    }

    private static var flushes: [FlushEntry] {
        func flush(_ id: UInt64, _ time: WallTime, _ why: String, _ count: Int, _ size: UInt64, _ tenths: Int)
            -> FlushEntry
        {
            var flush = FlushEntry(id: id, time: time, trigger: why)
            flush.changeCount = count
            flush.fileSize = size
            flush.duration = .microseconds(tenths * 100)
            flush.changes = (1...count).map { "anthropic-main priority \($0)→\($0 + 1)" }
            flush.steps = [
                .init(name: "encode", duration: .microseconds(tenths * 20)),
                .init(name: "fsync", duration: .microseconds(tenths * 80)),
            ]
            return flush
        }
        return [
            flush(210, time(12, 2, 19), "max_dirty", 11, 4_100, 410),
            flush(211, time(12, 2, 51), "operator", 1, 4_200, 29),
            flush(212, time(12, 3, 49), "interval", 4, 4_200, 32),
        ]
    }

    /// Oldest first.
    static let journal: [JournalEntry] = [
        JournalEntry(id: 1, time: time(11, 59, 0), endpoint: "old-one", from: 5, to: 0, cause: "removed"),
        JournalEntry(id: 2, time: time(12, 0, 0), endpoint: "lab-proxy", from: 0, to: 7, cause: "added"),
        JournalEntry(id: 3, time: time(12, 3, 2), endpoint: "backup-hk", from: 2, to: 6, cause: "could not be used"),
        JournalEntry(id: 4, time: time(12, 4, 29), endpoint: "azure-gpt", from: 3, to: 4, cause: "openai-team moved"),
        JournalEntry(id: 4, time: time(12, 4, 29), endpoint: "openai-team", from: 4, to: 3, cause: "moved by hand"),
    ]

    private static var events: [EventEntry] {
        [
            EventEntry(
                id: 1, time: time(12, 2, 51.339), level: .info, source: "console",
                text: "ops01@10.0.0.7 flushed by hand"),
            EventEntry(
                id: 2, time: time(12, 3, 2.45), level: .error, source: "endpoint",
                text: "backup-hk   disabled: 5 of 5 failed (502 Bad Gateway)"),
            EventEntry(
                id: 3, time: time(12, 3, 49.002), level: .info, source: "persist",
                text: "flushed 4 changes, 4.1 K, 3.2 ms"),
            EventEntry(
                id: 4, time: time(12, 4, 13.87), level: .info, source: "persist", text: "marked dirty; flush in 30s"),
            EventEntry(
                id: 5, time: time(12, 4, 13.87), level: .warning, source: "endpoint",
                text: "azure-gpt   slow: p95 3.1s > 2.0s for 30s"),
            EventEntry(
                id: 6, time: time(12, 4, 29.114), level: .info, source: "console",
                text: "ops01@10.0.0.7 moved openai-team 4→3"),
        ]
    }

    static func console(
        _ columns: Int = 80, _ lines: Int = 24, _ snapshot: DashboardSnapshot = snapshot(), glyphs: Glyphs = .unicode,
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
