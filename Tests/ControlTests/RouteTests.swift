import Foundation
import NIOCore
import NIOHTTP1
import PodiumModel
import TestSupport
import Testing

@testable import Control

@Suite(.timeLimit(.minutes(15)))
struct RouteTests {
    struct Answer {
        var status: Int
        var head: String
        var body: String
    }

    private func ask(
        _ podium: ControlHarness, _ method: String, _ path: String, _ headers: String = "", body: String = ""
    ) async throws -> Answer {
        let raw = try await RawClient.connect(socket: podium.socket)
        let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
        try await raw.send(
            "\(method) \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(length)\(headers)\r\n\(body)")
        let text = await raw.untilClosed()
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let status = try #require(parts[0].split(separator: " ").dropFirst().first.flatMap { Int($0) })
        return Answer(status: status, head: String(parts[0]), body: parts.count > 1 ? String(parts[1]) : "")
    }

    private func expect(
        _ status: Int, _ podium: ControlHarness, _ method: String, _ path: String, _ headers: String = "",
        body: String = "", _ location: SourceLocation = #_sourceLocation
    ) async throws {
        let answer = try await ask(podium, method, path, headers, body: body)
        #expect(answer.status == status, sourceLocation: location)
    }

    private let json = "Content-Type: application/json\r\n"

    @Test func everyRouteAnswersAsItsTableSays() async throws {
        try await ControlHarness.run { podium in
            for route in Route.all where route.operation != .events {
                let path = route.path.replacing("{name}", with: "no%20such")
                let answer = try await ask(podium, route.method.rawValue, path, json, body: route.hasBody ? "{}" : "")
                #expect(route.statuses.contains(answer.status), "\(route.method) \(path): \(answer.status)")
                if answer.status >= 400 {
                    #expect(answer.head.contains("Content-Type: application/problem+json"))
                    let problem = try JSONDecoder().decode(CommandRefusal.self, from: Data(answer.body.utf8))
                    #expect(problem.status == answer.status)
                    #expect(problem.type == "urn:podium:problem:\(problem.code.rawValue)")
                }
            }
        }
    }

    @Test func everyPathSaysWhatItTakes() async throws {
        try await ControlHarness.run { podium in
            for path in Set(Route.all.map(\.path)) {
                var methods = Route.all.filter { $0.path == path }.map(\.method.rawValue)
                if methods.contains("GET") {
                    methods.append("HEAD")
                }
                let concrete = path.replacing("{name}", with: "a")
                let options = try await ask(podium, "OPTIONS", concrete)
                #expect(options.status == 204)
                let line = options.head.split(separator: "\r\n").first { $0.hasPrefix("Allow: ") }
                let allowed = try #require(line).dropFirst(7).split(separator: ", ").map(String.init)
                #expect(Set(allowed) == Set(methods + ["OPTIONS"]), "\(path)")
                for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"] where !methods.contains(method)
                {
                    let refused = try await ask(podium, method, concrete)
                    #expect(refused.status == 405, "\(method) \(path)")
                    #expect(refused.head.contains("\r\nAllow: "))
                }
            }
        }
    }

    @Test func aHeadIsAGetWithoutItsBody() async throws {
        try await ControlHarness.run { podium in
            let get = try await ask(podium, "GET", "/admin/api/endpoints/a")
            let head = try await ask(podium, "HEAD", "/admin/api/endpoints/a")
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            #expect(head.head.contains("ETag: \"1\""))
            #expect(get.head.contains("ETag: \"1\""))
            try await expect(200, podium, "HEAD", "/admin/api/events")
        }
    }

    @Test func whatCannotBeUnderstoodIsRefused() async throws {
        try await ControlHarness.run { podium in
            let path = "/admin/api/endpoints/a"
            try await expect(404, podium, "GET", "/nowhere")
            try await expect(404, podium, "GET", "/admin/api/endpoints/%ff")
            try await expect(400, podium, "GET", "/admin/api/snapshot?events_since=-1")
            try await expect(400, podium, "GET", "/admin/api/events", "Last-Event-ID: x\r\n")
            try await expect(415, podium, "PATCH", path, body: "{}")
            try await expect(415, podium, "PATCH", path, "Content-Type: text/plain\r\n", body: "{}")
            try await expect(
                200, podium, "PATCH", path, "Content-Type: Application/JSON ; charset=utf-8\r\n", body: "{}")
            try await expect(400, podium, "PATCH", path, json, body: "{")
            try await expect(400, podium, "PATCH", path, json, body: "[]")
            try await expect(422, podium, "PUT", path, json, body: "{}")
            try await expect(400, podium, "DELETE", path, "If-Match: x\r\n")
            try await expect(412, podium, "DELETE", path, "If-Match: \"99\"\r\n")
            try await expect(200, podium, "POST", path + "/pin", "If-Match: *\r\n")
            let deep = String(repeating: "[", count: 30_000)
            try await expect(400, podium, "PATCH", path, json, body: deep)
        }
    }

    /// Who has asked for no comparison gets no conflict: the document is completed from what is there by then.
    @Test func aPartialDocumentWithoutARevisionNeverConflicts() async throws {
        try await ControlHarness.run { podium in
            let path = "/admin/api/endpoints/a"
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<40 {
                    let body =
                        number.isMultiple(of: 2) ? "{\"tags\":[\"t\(number)\"]}" : "{\"pinned\":\(number % 4 == 1)}"
                    group.addTask { try await ask(podium, "PATCH", path, json, body: body).status }
                }
                return try await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses == [Int](repeating: 200, count: 40))
            try await expect(412, podium, "PATCH", path, json + "If-Match: \"1\"\r\n", body: "{\"pinned\":true}")
        }
    }

    @Test func aBodyThatIsTooLargeIsNotReadToItsEnd() async throws {
        var limits = ControlLimits()
        limits.body = 100
        try await ControlHarness.run(limits: limits) { podium in
            let announced = try await ask(
                podium, "POST", "/admin/api/endpoints", json, body: String(repeating: "x", count: 101))
            #expect(announced.status == 413)
            let raw = try await RawClient.connect(socket: podium.socket)
            try await raw.send("POST /admin/api/endpoints HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            try await raw.send("80\r\n" + String(repeating: "x", count: 128) + "\r\n")
            #expect(await raw.untilClosed().hasPrefix("HTTP/1.1 413 "))
            // What follows a refusal is not understood as anything any more.
            let broken = try await RawClient.connect(socket: podium.socket)
            try await broken.send(
                "POST /admin/api/endpoints HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "80\r\n" + String(repeating: "x", count: 128) + "\r\nnonsense\r\n\r\n")
            let answer = await broken.untilClosed()
            #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2, "\(answer)")
        }
    }

    @Test func aClientThatDoesNotFinishIsLetGo() async throws {
        var limits = ControlLimits()
        limits.request = .milliseconds(50)
        try await ControlHarness.run(limits: limits) { podium in
            for beginning in ["", "GET / HT", "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"] {
                let raw = try await RawClient.connect(socket: podium.socket)
                // On a slow machine the limit is over before it is sent.
                try? await raw.send(beginning)
                #expect(await raw.untilClosed() == "")
            }
        }
    }

    @Test(arguments: ["\r\n\r\n\r\n", "GET\r\n\r\n", "\0\0\0\0", "GET / HTTP/1.1\r\nA b: c\r\n\r\n", "SSH-2.0-x\r\n"])
    func garbageEndsTheConnection(_ garbage: String) async throws {
        try await ControlHarness.run { podium in
            let raw = try await RawClient.connect(socket: podium.socket)
            try await raw.send(garbage)
            // Closed already, where it was understood to be garbage at once.
            try? await raw.finish()
            let answer = await raw.untilClosed()
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400 "), "\(answer)")
            _ = try await podium.client.snapshot()
        }
    }

    @Test func moreConnectionsThanAllowedAreToldSo() async throws {
        var limits = ControlLimits()
        limits.connections = 2
        try await ControlHarness.run(limits: limits) { podium in
            let held = [
                try await RawClient.connect(socket: podium.socket), try await RawClient.connect(socket: podium.socket),
            ]
            try await eventually { podium.server.connectionCount == 2 }
            await #expect(throws: ControlClientError.self) { try await podium.client.snapshot() }
            let raw = try await RawClient.connect(socket: podium.socket)
            #expect(await raw.untilClosed().hasPrefix("HTTP/1.1 503 "))
            for client in held {
                try await client.close()
            }
            try await eventually { podium.server.connectionCount == 0 }
            _ = try await podium.client.snapshot()
        }
    }

    @Test func requestsSentAheadAreAnsweredInOrder() async throws {
        try await ControlHarness.run { podium in
            let raw = try await RawClient.connect(socket: podium.socket)
            try await raw.send(
                "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
                    + "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            try await raw.finish()
            let text = await raw.untilClosed()
            let statuses = text.components(separatedBy: "HTTP/1.1 ").dropFirst().map { String($0.prefix(3)) }
            #expect(statuses == ["200", "404", "200"])
        }
    }
}
