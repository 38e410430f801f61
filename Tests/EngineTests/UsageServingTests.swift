import Configuration
import Foundation
import Logging
import PodiumModel
import Proxy
import TestSupport
import Testing

@testable import Engine

/// What is counted of requests over sockets, and what is left of it for the next process.
@Suite(.timeLimit(.minutes(15)))
struct UsageServingTests {
    private static func stream(_ events: [String], isCut: Bool = false) -> String {
        let body = events.map { "data: \($0)\n\n" }.joined()
        let length = body.utf8.count + (isCut ? 100 : 0)
        return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: \(length)\r\n\r\n\(body)"
    }

    private static let start =
        #"{"type":"message_start","message":{"model":"claude-haiku-4-5-20251001","usage":{"input_tokens":1000,"cache_read_input_tokens":50,"output_tokens":1}}}"#
    private static let delta = #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#
    private static let end = [
        #"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":200}}"#,
        #"{"type":"message_stop"}"#,
    ]

    private static func json(_ text: String) -> String {
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
    }

    private func question(_ by: [String]) -> UsageQuestion {
        var question = UsageQuestion()
        question.by = by
        return question
    }

    private func configuration(_ ports: [(String, Int)]) -> String {
        "server: { port: 0, access_log: access.json }\nfailover: { max_wait: 0s }\nendpoints:\n"
            + ports.map { "  - { name: \($0.0), url: \"http://127.0.0.1:\($0.1)\" }\n" }.joined()
    }

    @Test("Tokens and costs are counted where they were used, and the next process and podium usage know them")
    func counting() async throws {
        let state = try Self.newFolder()
        defer { try? FileManager.default.removeItem(at: state) }
        let environment = ["STATE_DIRECTORY": state.path]
        let whole = try await ScriptedUpstream.start { request in
            request.head.contains("/v1/chat/completions")
                ? [
                    .send(
                        Self.json(
                            #"{"model":"own-model","choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"#
                                + #""usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}"#))
                ] : [.send(Self.stream([Self.start, Self.delta] + Self.end))]
        }
        let broken = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")]
        }
        let text = configuration([("broken", broken.port), ("whole", whole.port)])
        let running = try await RunningEngine.start(text, environment: environment)
        _ = try await running.exchange(RunningEngine.post())
        _ = try await running.exchange(RunningEngine.post("/v1/chat/completions"))

        var report = try await running.engine.usage(question(["endpoint", "model"]))
        #expect(report.problem == nil && report.currency == "USD")
        let rows = Dictionary(uniqueKeysWithValues: report.rows.map { ($0.values.joined(separator: "/"), $0) })
        let haiku = try #require(rows["whole/claude-haiku-4-5-20251001"])
        #expect(haiku.requests == 1 && haiku.rescued == 1 && haiku.read == 1 && haiku.streams == 1)
        #expect(haiku.input == 1_000 && haiku.cacheRead == 50 && haiku.output == 200)
        // 1,000 at 1, 50 at 0.10 and 200 at 5 dollars for a million.
        #expect(haiku.cost == "0.002005" && haiku.costComplete && haiku.costText == "0.002005")
        let own = try #require(rows["whole/own-model"])
        #expect(own.input == 7 && own.output == 3 && own.cost == "0" && own.unpriced == 1 && own.costText == "?")
        // The model of a request that nobody answered there is not known, but it failed there.
        #expect(report.rows.filter { $0.values[0] == "broken" }.reduce(0) { $0 + $1.failed } >= 1)
        #expect(report.total.requests == 2 && report.total.costText == "0.002005+?")
        let metrics = running.engine.metrics().usage
        #expect(metrics.samples.map(\.model) == ["claude-haiku-4-5-20251001", "own-model"])
        #expect(metrics.samples.first?.tokens == [1_000, 200, 50, 0, 0, 0])

        // The next process goes on where this one has stopped.
        _ = await running.engine.stop(drain: .zero)
        let log = try String(contentsOf: running.folder.appending(path: "access.json"), encoding: .utf8)
        #expect(
            log.contains(
                #""model":"claude-haiku-4-5-20251001","usage":{"input":1000,"output":200,"cache_read":50},"cost":0.002005,"#
            ))
        #expect(log.contains(#""usage":{"input":7,"output":3},"cost":null,"#))
        let path = try #require(HistoryPlace.rollUps(configuration: running.path, environment: environment))
        let offline = try #require(try UsageQuery(question(["model"])).answer(fromFile: path))
        #expect(offline.total.cost == "0.002005" && offline.total.output == 203)
        let bytes = Array(text.utf8)
        let loaded = ConfigurationLoader.load(bytes: bytes, environment: environment)
        var options = EngineOptions(
            environment: environment, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.eventLoops = 1
        let engine = try Engine(
            path: running.path, bytes: bytes, configuration: try #require(loaded.configuration), options: options)
        let port = try await engine.start().port
        let again = RunningEngine(engine: engine, port: port, folder: running.folder)
        _ = try await again.exchange(RunningEngine.post())
        report = try await engine.usage(question([]))
        #expect(report.total.requests == 3 && report.total.output == 403 && report.total.cost == "0.00401")
        var hours = question(["hour"])
        hours.span = "24h"
        #expect(try await engine.usage(hours).total.output == 403)
        hours.span = "soon"
        await #expect(throws: CommandRefusal.self) { try await engine.usage(hours) }
        await again.stop()
        try await whole.stop()
        try await broken.stop()
    }

    @Test("Usage, the log of requests and the metrics tell clients by their names, also after they have gone")
    func clients() async throws {
        let state = try Self.newFolder()
        defer { try? FileManager.default.removeItem(at: state) }
        let environment = ["STATE_DIRECTORY": state.path]
        let upstream = try await ScriptedUpstream.start { _ in
            [.send(Self.stream([Self.start, Self.delta] + Self.end))]
        }
        let names = "clients: [{ name: alice, token: token-of-alice }, { name: bob, token: token-of-bob }]\n"
        let running = try await RunningEngine.start(
            names + "server: { port: 0, client_tokens: [flat] }\nendpoints:\n"
                + "  - { name: only, url: \"http://127.0.0.1:\(upstream.port)\" }\n", environment: environment)
        for token in ["token-of-alice", "token-of-alice", "token-of-bob", "flat"] {
            _ = try await running.exchange(RunningEngine.post(token: token))
        }
        let byClient = try await running.engine.usage(question(["client"]))
        #expect(byClient.rows.map(\.values) == [[""], ["alice"], ["bob"]])
        #expect(byClient.rows.map(\.requests) == [1, 2, 1] && byClient.rows.map(\.output) == [200, 400, 200])
        var bobs = question(["client", "model"])
        bobs.client = "bob"
        #expect(
            try await running.engine.usage(bobs).rows.map(\.values) == [["bob", "claude-haiku-4-5-20251001"]])
        let counters = running.engine.account.counters().clients
        #expect(counters.map(\.client) == ["alice", "bob"] && counters.map { $0.tokens[1] } == [400, 200])
        #expect(running.engine.metrics().clientRequests == ["alice": 2, "bob": 1])

        var asked = HistoryQuestion()
        asked.client = "alice"
        let live = try await running.engine.loggedRequests(asked)
        #expect(live.requests.map(\.client) == ["alice", "alice"])
        running.engine.account.finish(within: .seconds(5))
        #expect(try await running.engine.loggedRequests(asked).requests == live.requests)
        asked.client = "carol"
        #expect(try await running.engine.loggedRequests(asked).requests.isEmpty)
        try await running.rewrite { $0.replacingOccurrences(of: names, with: "") }
        #expect(try await running.engine.usage(question(["client"])).rows.map(\.requests) == [1, 2, 1])
        await running.stop()
        try await upstream.stop()
    }

    @Test("What broke off counts as far as it was said, and what cannot be read is not known")
    func partial() async throws {
        let upstream = try await ScriptedUpstream.start { request in
            if request.head.contains("gzip") {
                return [
                    .send(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
                    )
                ]
            }
            return [.send(Self.stream([Self.start, Self.delta], isCut: true)), .close]
        }
        let running = try await RunningEngine.start(configuration([("only", upstream.port)]))
        _ = try await running.exchange(RunningEngine.post())
        _ = try await running.exchange(RunningEngine.post("/v1/messages?gzip"))
        let total = try await running.engine.usage(question([])).total
        #expect(total.partial == 1 && total.unread == 1 && total.read == 0 && total.broken == 1)
        #expect(total.input == 1_000 && total.output == 1)
        await running.stop()
        try await upstream.stop()
    }

    @Test("The operator's prices and what an endpoint takes of them hold from the reload on")
    func prices() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send(Self.stream([Self.start, Self.delta] + Self.end))]
        }
        let running = try await RunningEngine.start(configuration([("only", upstream.port)]))
        let prices =
            #"{"format":"podium-prices/1","date":"2026-11-01","currency":"EUR","models":[{"model":"claude-*","input":"2","output":"10","cache_read":"0"}]}"#
        try Data(prices.utf8).write(to: running.folder.appending(path: "own.json"))
        try await running.rewrite { text in
            "usage: {prices: own.json}\n"
                + text.replacingOccurrences(of: "{ name: only,", with: "{ name: only, cost_multiplier: 0.5,")
        }
        // Read on the queue for files.
        try await eventually { running.engine.account.priceLabel.currency == "EUR" }
        _ = try await running.exchange(RunningEngine.post())
        let report = try await running.engine.usage(question([]))
        // Half of 1,000 at 2 and 200 at 10 for a million.
        #expect(report.total.cost == "0.002" && report.currency == "EUR" && report.pricesDate == "2026-11-01")
        try await running.rewrite { $0.replacingOccurrences(of: "own.json", with: "off") }
        _ = try await running.exchange(RunningEngine.post())
        #expect(try await running.engine.usage(question([])).total.unpriced == 1)
        await running.stop()
        try await upstream.stop()
    }

    @Test(
        "Single requests are logged with the way of those that failed somewhere, and the next process and podium history know them"
    )
    func log() async throws {
        let state = try Self.newFolder()
        defer { try? FileManager.default.removeItem(at: state) }
        let environment = ["STATE_DIRECTORY": state.path]
        let broken = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")]
        }
        let whole = try await ScriptedUpstream.start { _ in
            [.send(Self.stream([Self.start, Self.delta] + Self.end))]
        }
        let running = try await RunningEngine.start(
            configuration([("broken", broken.port), ("whole", whole.port)]), environment: environment)
        for _ in 0..<4 { _ = try await running.exchange(RunningEngine.post()) }
        var asked = HistoryQuestion()
        let live = try await running.engine.loggedRequests(asked)
        #expect(live.problem == nil && live.requests.count == 4)
        let first = try #require(live.requests.last)
        #expect(first.endpoint == "whole" && first.model == "claude-haiku-4-5-20251001" && first.status == 200)
        #expect(first.kind == "messages" && first.stream && !first.failed && first.ending == "completed")
        #expect(first.usage == "whole" && first.input == 1_000 && first.output == 200 && first.cost == "0.002005")
        #expect(first.attempts == 2 && first.walk.map(\.endpoint) == ["broken", "whole"])
        #expect(first.walk.map(\.outcome) == ["server_error", "ok"] && first.walk.map(\.status) == [503, 200])
        #expect(first.id?.utf8.count == 16)
        #expect(live.requests.map(\.key) == live.requests.map(\.key).sorted(by: >))
        // Once the first endpoint is known to be down a request goes well at once.
        asked.isFailed = true
        let failed = try await running.engine.loggedRequests(asked).requests.count
        #expect(failed >= 1 && failed <= 4)
        asked = HistoryQuestion()
        (asked.limit, asked.before) = (2, live.requests[1].key)
        #expect(try await running.engine.loggedRequests(asked).requests == Array(live.requests[2...]))
        asked = HistoryQuestion()
        asked.request = first.id
        #expect(try await running.engine.loggedRequests(asked).requests == [first])
        asked.span = "soon"
        await #expect(throws: CommandRefusal.self) { try await running.engine.loggedRequests(asked) }
        // Written while it goes on, and asked for over what is in the file and what is in memory.
        running.engine.account.finish(within: .seconds(5))
        _ = try await running.exchange(RunningEngine.post())
        #expect(try await running.engine.loggedRequests(HistoryQuestion()).requests.count == 5)
        let path = try #require(HistoryPlace.rollUps(configuration: running.path, environment: environment))
        func offline() throws -> RequestLogReport? {
            try HistoryQuery(HistoryQuestion()).requests(fromFileBeside: path)
        }
        #expect(try offline()?.requests == live.requests)
        // Removed, then overwritten under it: requests go on, and no row is wrong.
        let log = HistoryPlace.requests(besides: path)
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: log + suffix) }
        running.engine.account.finish(within: .seconds(5))
        #expect(try offline()?.requests.count == 1)
        // By another process: a descriptor that is closed in this one would drop SQLite's locks.
        let vandal = Process()
        vandal.executableURL = URL(filePath: "/usr/bin/python3")
        vandal.arguments = [
            "-c",
            "import sys; f = open(sys.argv[1], 'r+b'); f.seek(4096); f.write(b'\\xff' * 20000); f.truncate(24096)", log,
        ]
        try vandal.run()
        vandal.waitUntilExit()
        for _ in 0..<3 {
            _ = try await running.exchange(RunningEngine.post())
            running.engine.account.finish(within: .seconds(5))
        }
        let rows = try #require(try offline()).requests
        #expect(rows.count <= 4 && rows.allSatisfy { $0.input == 1_000 && $0.cost == "0.002005" })
        #expect(try await running.engine.usage(question([])).total.requests == 8)
        await running.stop()
        for upstream in [broken, whole] { try await upstream.stop() }
    }

    @Test(
        "Events and flushes are known to the next process and while none runs, and what comes with requests names no client"
    )
    func events() async throws {
        let state = try Self.newFolder()
        defer { try? FileManager.default.removeItem(at: state) }
        let environment = ["STATE_DIRECTORY": state.path]
        let (running, upstream, path) = try await serve(environment)
        running.engine.note(.error, source: "test", "on fire")
        for client in 1...3 {
            running.engine.note(
                .warning, source: "test", "refused 10.0.0.\(client)", kind: .traffic, fold: "refused")
        }
        var asked = HistoryQuestion()
        asked.level = .warning
        func texts(_ report: EventHistoryReport) -> [String] { report.events.map(\.text) }
        // From memory, then from the file with what is in memory laid over it.
        #expect(texts(try await running.engine.pastEvents(asked)) == ["refused", "on fire"])
        running.engine.account.finish(within: .seconds(5))
        running.engine.note(.warning, source: "test", "refused 10.0.0.4", kind: .traffic, fold: "refused")
        var events = try await running.engine.pastEvents(asked).events
        #expect(events.map(\.text) == ["refused", "on fire"] && events.map(\.count) == [4, nil])
        #expect(try HistoryQuery(asked).events(fromFile: path)?.events.map(\.count) == [3, nil])
        // Removed under it: all that is in memory is written anew.
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        _ = try await running.engine.perform(.flush, by: CommandAuthor(name: "ops", source: .cli))
        _ = await running.engine.stop(drain: .zero)
        let left = try #require(try HistoryQuery(asked).events(fromFile: path))
        #expect(left.problem == nil && left.events.map(\.count).contains(4))
        #expect(Set(["refused", "on fire"]).isSubset(of: texts(left)))
        #expect(left.events.allSatisfy { !$0.text.contains("10.0.0") })
        let flushes = try #require(try HistoryQuery(HistoryQuestion()).flushes(fromFile: path)).flushes
        #expect(flushes.contains { $0.trigger == "shutdown" || $0.trigger == "operator" })
        #expect(flushes.map(\.key) == flushes.map(\.key).sorted(by: >))

        let bytes = try Data(contentsOf: URL(filePath: running.path))
        let loaded = ConfigurationLoader.load(bytes: Array(bytes), environment: environment)
        var options = EngineOptions(
            environment: environment, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.eventLoops = 1
        let engine = try Engine(
            path: running.path, bytes: Array(bytes), configuration: try #require(loaded.configuration),
            options: options)
        let again = RunningEngine(engine: engine, port: try await engine.start().port, folder: running.folder)
        engine.note(.error, source: "test", "on fire")
        // The same in another process is another event.
        events = try await engine.pastEvents(asked).events
        #expect(events.map(\.text).filter { $0 == "on fire" }.count == 2)
        asked.limit = 1
        let newest = try await engine.pastEvents(asked).events
        #expect(newest == [events[0]])
        (asked.limit, asked.before) = (10_000, Int64(events[0].id))
        #expect(try await engine.pastEvents(asked).events == Array(events.dropFirst()))
        await again.stop()
        try await upstream.stop()
    }

    private static func newFolder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "state-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    /// One endpoint, whose answers say what they used.
    ///
    /// - Returns: also where the history is
    private func serve(
        _ environment: [String: String]
    ) async throws -> (running: RunningEngine, upstream: ScriptedUpstream, path: String) {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send(Self.stream([Self.start, Self.delta] + Self.end))]
        }
        let running = try await RunningEngine.start(configuration([("only", upstream.port)]), environment: environment)
        return (
            running, upstream, try #require(HistoryPlace.rollUps(configuration: running.path, environment: environment))
        )
    }

    @Test("What is no file of Podium's is left as it is, and requests are served and counted without it")
    func foreign() async throws {
        let state = try Self.newFolder()
        defer { try? FileManager.default.removeItem(at: state) }
        let environment = ["STATE_DIRECTORY": state.path]
        let (running, upstream, path) = try await serve(environment)
        let theirs = Data(repeating: 0x41, count: 5_000)
        try theirs.write(to: URL(filePath: path))
        _ = try await running.exchange(RunningEngine.post())
        running.engine.account.finish(within: .seconds(5))
        let report = try await running.engine.usage(question([]))
        #expect(report.total.output == 200 && report.problem != nil)
        #expect(try Data(contentsOf: URL(filePath: path)) == theirs)
        #expect(running.engine.metrics().usage.isFailing)
        await running.stop()
        try await upstream.stop()
    }

    @Test("A file that is locked or deleted costs no request, and no figure that is in memory")
    func faults() async throws {
        let state = try Self.newFolder()
        defer { try? FileManager.default.removeItem(at: state) }
        let environment = ["STATE_DIRECTORY": state.path]
        let (running, upstream, path) = try await serve(environment)
        _ = try await running.exchange(RunningEngine.post())
        #expect(try await running.engine.usage(question([])).total.output == 200)
        // Another program holds it.
        running.engine.account.finish(within: .seconds(5))
        let other = try HistoryLock(path)
        _ = try await running.exchange(RunningEngine.post())
        running.engine.account.finish(within: .seconds(5))
        #expect(try await running.engine.usage(question([])).total.output == 400)
        #expect(try UsageQuery(question([])).answer(fromFile: path)?.total.output == 200)
        #expect(running.engine.metrics().usage.commits == 1)
        other.release()
        running.engine.account.finish(within: .seconds(5))
        #expect(try UsageQuery(question([])).answer(fromFile: path)?.total.output == 400)
        // Removed under it.
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        _ = try await running.exchange(RunningEngine.post())
        #expect(try await running.engine.usage(question([])).total.output == 600)
        running.engine.account.finish(within: .seconds(5))
        #expect(try UsageQuery(question([])).answer(fromFile: path)?.total.output == 600)
        #expect(try await running.engine.usage(question([])).total.output == 600)
        await running.stop()
        try await upstream.stop()
    }
}

/// Holds the file as `BEGIN IMMEDIATE` in the `sqlite3` shell does, by a process of its own: a descriptor of the file that is closed in
/// this one would drop SQLite's locks.
private final class HistoryLock {
    private let process = Process()
    private let input = Pipe()

    init(_ path: String) throws {
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = [
            "-c",
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('BEGIN IMMEDIATE'); print(flush=True); sys.stdin.read()",
            path,
        ]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        _ = output.fileHandleForReading.availableData
    }

    func release() {
        input.fileHandleForWriting.closeFile()
        process.waitUntilExit()
    }
}
