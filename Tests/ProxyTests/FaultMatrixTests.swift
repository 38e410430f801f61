import Foundation
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// Each way in which an endpoint can fail, over real sockets: once with another endpoint to go to, once without.
/// One after the other: hundreds of proxies at once would keep the two event loops busy with their sweeps alone.
@Suite(.serialized, .timeLimit(.minutes(15)))
struct FaultMatrixTests {
    private static let replayLimit = 1000

    private static func post(_ fault: Fault) -> String {
        Wire.post(body: fault.isBeyondReplay ? String(repeating: "b", count: 300_000) : "question", closes: false)
    }

    /// The endpoint that fails, and what keeps it there.
    private func endpoint(_ fault: Fault) async throws -> (Upstream, ScriptedUpstream?, AnyObject?) {
        var timeouts = UpstreamTimeouts()
        fault.deadline?(&timeouts)
        switch fault.place {
        case .script(let steps):
            let server = try await ScriptedUpstream.start { _ in steps }
            return (try .local(1, server, timeouts: timeouts), server, nil)
        case .refuses:
            let gone = try #require(RefusingPort())
            return (try .local(1, port: gone.port, timeouts: timeouts), nil, gone)
        case .ignoresConnections:
            let deaf = try #require(UnresponsivePort())
            return (try .local(1, port: deaf.port, timeouts: timeouts), nil, deaf)
        case .speaksNoTLS(let steps):
            let server = try await ScriptedUpstream.start(onConnect: steps) { _ in [] }
            let upstream = try Upstream(
                id: EndpointID(1), name: "endpoint-1", anyURL: UpstreamURL("https://127.0.0.1:\(server.port)"),
                timeouts: timeouts)
            return (upstream, server, nil)
        }
    }

    @Test(arguments: Fault.all)
    func withAnotherEndpoint(fault: Fault) async throws {
        let (first, server, keeper) = try await endpoint(fault)
        let second = try await ScriptedUpstream.start { request in [.send(Wire.ok("second:\(request.body)"))] }
        let proxy = try await start([first, .local(2, second)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Self.post(fault))

        switch fault.client {
        case .next, .nextElse, .nextElseWorded, .nextElseEmpty:
            server?.release("seen")
            let answer = await client.until("second:question")
            #expect(answer.contains("HTTP/1.1 200 Whatever\r\n"))
            #expect(answer.hasSuffix("\r\n\r\nsecond:question"))
        case .answer, .cutShort, .errorEvent:
            try await expectOwnAnswer(fault, client, server)
            #expect(second.requests.isEmpty)
        }
        try await expectLesson(fault, proxy)
        try await client.close()
        await proxy.stop()
        withExtendedLifetime(keeper) {}
    }

    @Test(arguments: Fault.all)
    func withoutAnother(fault: Fault) async throws {
        let (first, server, keeper) = try await endpoint(fault)
        let proxy = try await start([first])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Self.post(fault))

        switch fault.client {
        case .next:
            server?.release("seen")
            // The answer itself stands behind interim ones.
            try await client.finish()
            let answer = await client.untilClosed()
            #expect(answer.contains("HTTP/1.1 503 Service Unavailable\r\n"))
            #expect(answer.contains("{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\""))
            #expect(answer.contains("endpoint-1: \(fault.reason)"))
            let wait = fault.lesson == .rateLimited(retryAfter: .seconds(7)) ? 7 : 1
            #expect(answer.contains("\r\nRetry-After: \(wait)\r\n"))
        case .nextElse, .nextElseWorded, .nextElseEmpty, .answer, .cutShort, .errorEvent:
            try await expectOwnAnswer(fault, client, server)
        }
        try await expectLesson(fault, proxy)
        try await client.close()
        await proxy.stop()
        withExtendedLifetime(keeper) {}
    }

    private func start(_ endpoints: [Upstream]) async throws -> ProxyHarness {
        var options = ProxyOptions()
        options.replayLimit = Self.replayLimit
        return try await ProxyHarness.start(endpoints, options: options)
    }

    private func expectOwnAnswer(_ fault: Fault, _ client: RawClient, _ server: ScriptedUpstream?) async throws {
        switch fault.client {
        case .next: break
        case .nextElse(let status), .answer(let status):
            var answer = await client.response()
            if status == 200, fault.name.contains("until the end") { answer = await client.until("\r\n0\r\n\r\n") }
            if fault.name.hasPrefix("interim") { answer = await client.until("0123456789") }
            server?.release("seen")
            #expect(answer.contains("HTTP/1.1 \(status) "))
            if status < 500 || fault.name.hasPrefix("status"), status != 204, status != 304 {
                #expect(answer.contains("0123456789"))
            }
        case .nextElseEmpty:
            let answer = await client.response()
            #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.contains("message"))
        case .nextElseWorded(let status):
            let answer = await client.response()
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
            #expect(answer.contains("{\"type\":\"error\",\"error\":{\"type\":\"") && !answer.contains("data:"))
        case .cutShort:
            _ = await client.until("hello")
            server?.release("seen")
            let answer = await client.untilClosed()
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.contains("hello") && !answer.contains("error"))
            #expect(!answer.hasSuffix("0\r\n\r\n"))
        case .errorEvent:
            _ = await client.until("data: x")
            server?.release("seen")
            let answer = await client.untilClosed()
            #expect(answer.contains("\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\""))
            #expect(!answer.hasSuffix("0\r\n\r\n"))
        }
    }

    private func expectLesson(_ fault: Fault, _ proxy: ProxyHarness) async throws {
        // What the ranking learns of a complete answer is told when the client has it.
        try await eventually { !proxy.events.attempts.isEmpty }
        let lesson = try #require(proxy.events.attempts.first)
        #expect(lesson.endpoint == EndpointID(1))
        if case .success = fault.lesson {
            guard case .success = lesson.outcome else {
                Issue.record("not a success: \(lesson.outcome)")
                return
            }
        } else {
            #expect(lesson.outcome == fault.lesson)
        }
        // So is that of the endpoint whose answer it was.
        try await eventually { proxy.runningAttempts == 0 }
    }

    private static func number(_ fault: Fault) -> String { String(fault.name.dropFirst(7).prefix(3)) }

    /// The rows of docs/proxy-tables.md, statuses of the same fate in one.
    private static var rows: [String] {
        var rows: [String] = []
        for fault in Fault.all {
            let last = rows.last?.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) } ?? []
            let new = [
                fault.name, fault.clientText,
                fault.lessonText.replacing("status \(number(fault))", with: "that status"),
            ]
            if last.count == 3, last[0].hasPrefix("status "), Array(last[1...]) == Array(new[1...]),
                fault.name == "status \(number(fault))"
            {
                rows[rows.count - 1] = "| \(last[0]), \(number(fault)) | \(new[1]) | \(new[2]) |"
            } else {
                rows.append("| \(new[0]) | \(new[1]) | \(new[2]) |")
            }
        }
        return rows
    }

    @Test func theDocumentationHoldsTheSameTable() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/proxy-tables.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let section = try #require(text.components(separatedBy: "## Fault by fault").dropFirst().first)
        let table = section.components(separatedBy: "\n## ")[0].split(separator: "\n").filter { $0.hasPrefix("| ") }
        #expect(table.dropFirst().map(String.init) == Self.rows, "\n\(Self.rows.joined(separator: "\n"))")
    }
}
