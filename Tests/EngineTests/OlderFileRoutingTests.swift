import Foundation
import PodiumModel
import TestSupport
import Testing

@testable import Engine

/// A file of the older system routes as it did there.
@Suite(.timeLimit(.minutes(15)))
struct OlderFileRoutingTests {
    private static func file() throws -> String {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../OlderFiles")
        return try String(contentsOf: folder.appending(path: "models-and-tags.yaml"), encoding: .utf8)
    }

    @Test(
        "Models are mapped, tagged endpoints are kept for their models, and errors go on to the next, as the file says")
    func routes() async throws {
        var servers: [ScriptedUpstream] = []
        var text = try Self.file().replacingOccurrences(of: "port: 8080", with: "port: 0")
        for (number, name) in ["opus-relay", "mapped", "labelled"].enumerated() {
            let server = try await ScriptedUpstream.start { request in
                if name == "mapped", request.body.contains("large-model") {
                    let error =
                        #"{"type":"error","error":{"type":"invalid_request_error","message":"Temporarily OUT of stock"}}"#
                    return [
                        .send(
                            "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: \(error.utf8.count)\r\n\r\n\(error)"
                        )
                    ]
                }
                return [.send(RunningEngine.ok(name))]
            }
            servers.append(server)
            text = text.replacingOccurrences(of: "127.0.0.1:1000\(number + 1)", with: "127.0.0.1:\(server.port)")
        }
        let running = try await RunningEngine.start(text)
        func ask(_ model: String) async throws -> String {
            try await running.exchange(RunningEngine.post(body: #"{"model":"\#(model)","messages":[]}"#))
        }
        // The rule's models go to the endpoint with its tag, and not to one that has another tag.
        #expect(try await ask("claude-opus-4-1").contains("opus-relay"))
        // Others go past it, and get the name that the endpoint has for them.
        #expect(try await ask("claude-haiku-4-5").contains("mapped"))
        #expect(servers[1].requests.last?.body == #"{"model":"small-model","messages":[]}"#)
        #expect(try await ask("gpt-5.4").contains("mapped"))
        #expect(servers[1].requests.last?.body == #"{"model":"gpt-5.4","messages":[]}"#)
        // An error that the file names makes the next one be asked, with the client's own name of the model.
        #expect(try await ask("claude-sonnet-4-5").contains("labelled"))
        #expect(servers[2].requests.last?.body == #"{"model":"claude-sonnet-4-5","messages":[]}"#)
        #expect(servers.map(\.requests.count) == [1, 3, 1])
        // Where the tagged one is out, the one without tags takes its requests, and the one with another tag does not.
        _ = try await running.engine.perform(.setEnabled(.init(name: "opus-relay"), false), by: "test")
        #expect(try await ask("claude-opus-4-1").contains("mapped"))
        _ = try await running.engine.perform(.setEnabled(.init(name: "mapped"), false), by: "test")
        #expect(try await ask("claude-opus-4-1").contains("no endpoint here serves the model 'claude-opus-4-1'"))
        await running.stop()
        for server in servers { try await server.stop() }
    }
}
