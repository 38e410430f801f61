import Ranking
import TestSupport
import Testing

@testable import Proxy

/// What answers say about the OpenAI APIs an endpoint speaks, and requests that pass endpoints over for it.
@Suite(.timeLimit(.minutes(15)))
struct LearningTests {
    @Test(arguments: [
        ("/v1/responses", OpenAIAPI.responses, true), ("/responses", .responses, true),
        ("/v1/responses/r_1", .responses, false), ("/v1/chat/completions", .chatCompletions, true),
        ("/chat/completions/x", .chatCompletions, false),
    ])
    func pathsBelongToAPIs(path: String, api: OpenAIAPI, isRoot: Bool) {
        let found = Array(path.utf8).withUnsafeBytes { OpenAIAPI.asked(by: $0) }
        #expect(found?.api == api)
        #expect(found?.isRoot == isRoot)
    }

    @Test(arguments: ["/v1/messages", "/v1/completions", "/v1/chat", "/v1/responsesx", "/v1", "/", ""])
    func otherPathsDoNot(path: String) {
        #expect(Array(path.utf8).withUnsafeBytes { OpenAIAPI.asked(by: $0) == nil })
    }

    static let unknownPaths = [
        "", "404 page not found\n", #"{"detail":"Not Found"}"#, "Cannot POST /v1/responses",
        #"{"error":{"message":"Invalid URL (POST /v1/responses)","type":"invalid_request_error"}}"#,
        "<html><head><title>404 Not Found</title></head><body>nginx</body></html>",
        #"{"error":{"type":"not_found_error","message":"/v1/responses"}}"#,
        #"{"message":"no Route matched with those values"}"#,
        #"{"type":"error","error":{"type":"not_found_error","message":"Not Found"}}"#,
    ]
    static let otherRefusals = [
        #"{"error":{"message":"The model `gpt-9` does not exist","code":"model_not_found"}}"#,
        #"{"type":"error","error":{"type":"not_found_error","message":"model: claude-9"}}"#,
        #"{"error":{"message":"Previous response with id 'resp_1' not found."}}"#,
        #"{"error":{"code":"DeploymentNotFound","message":"The API deployment does not exist"}}"#,
        #"{"error":"quota"}"#,
    ]

    private func detections(
        _ answer: String, method: String = "POST", path: String = "/v1/responses"
    ) async throws -> [APIDetection?] {
        let upstream = try await ScriptedUpstream.start { _ in [.send(answer), .close] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        _ = try await proxy.exchange("\(method) \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await proxy.stop()
        return proxy.events.attempts.map(\.detection)
    }

    @Test func answersTeach() async throws {
        #expect(try await detections(Wire.ok("{}")) == [.serves(.responses)])
        #expect(try await detections(Wire.ok("{}"), path: "/v1/chat/completions?x=1") == [.serves(.chatCompletions)])
        for body in Self.unknownPaths {
            #expect(try await detections(Wire.status(404, body)) == [.lacks(.responses)], "\(body)")
        }
        #expect(try await detections(Wire.status(405, "no")) == [.lacks(.responses)])
        #expect(try await detections(Wire.status(405, headers: "Content-Encoding: gzip\r\n")) == [.lacks(.responses)])
        let event = "data: one\n\n"
        #expect(
            try await detections(StreamingTests.eventStream + "b\r\n\(event)\r\n0\r\n\r\n") == [.serves(.responses)])
    }

    @Test func otherAnswersTeachNothing() async throws {
        for body in Self.otherRefusals { #expect(try await detections(Wire.status(404, body)) == [nil], "\(body)") }
        #expect(try await detections(Wire.status(404, "zip", headers: "Content-Encoding: gzip\r\n")) == [nil])
        #expect(try await detections(Wire.status(400, "Not Found")) == [nil])
        #expect(try await detections(Wire.status(500, "Not Found")) == [nil])
        #expect(try await detections(Wire.status(404, "Not Found"), method: "GET") == [nil])
        #expect(try await detections(Wire.status(404, "Not Found"), path: "/v1/responses/resp_1") == [nil])
        #expect(try await detections(Wire.status(404, "Not Found"), path: "/v1/models") == [nil])
    }

    private func endpoint(_ id: UInt32, _ upstream: ScriptedUpstream, lacks: OpenAIAPI?) throws -> Upstream {
        try Upstream(
            id: EndpointID(id), name: "endpoint-\(id)", anyURL: UpstreamURL("http://127.0.0.1:\(upstream.port)"),
            lacks: lacks, timeouts: .patient)
    }

    @Test func requestsPassOverWhatLacksTheirPath() async throws {
        let first = try await ScriptedUpstream.start { _ in [.send(Wire.ok("first"))] }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("second"))] }
        let proxy = try await ProxyHarness.start([
            endpoint(1, first, lacks: .responses), endpoint(2, second, lacks: nil),
        ])
        #expect(try await proxy.exchange(Wire.post("/v1/responses")).hasSuffix("second"))
        #expect(try await proxy.exchange(Wire.post("/v1/responses/resp_1/cancel")).hasSuffix("second"))
        #expect(try await proxy.exchange(Wire.post("/v1/chat/completions")).hasSuffix("first"))
        #expect(try await proxy.exchange(Wire.post("/v1/embeddings")).hasSuffix("first"))
        #expect(try await proxy.exchange(Wire.post("/v1/messages")).hasSuffix("first"))
        await proxy.stop()
    }

    @Test func whereAllLackItTheClientIsToldSo() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("served"))] }
        let proxy = try await ProxyHarness.start([endpoint(1, upstream, lacks: .responses)])
        let answer = try await proxy.exchange(Wire.post("/v1/responses"))
        #expect(answer.hasPrefix("HTTP/1.1 404 Not Found\r\n"))
        #expect(answer.contains("no endpoint serves /responses; they speak /chat/completions"))
        #expect(!answer.contains("Retry-After"))
        #expect(upstream.requests.isEmpty)
        await proxy.stop()
        // One that is out for the moment may know the path.
        let hopeful = try await ProxyHarness.start(
            [endpoint(1, upstream, lacks: .responses)], earliestRecovery: .now + .seconds(5))
        #expect(try await hopeful.exchange(Wire.post("/v1/responses")).hasPrefix("HTTP/1.1 503 "))
        await hopeful.stop()
    }
}
