import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import Demo

/// Real sockets; no test waits for a time of the script.
@Suite struct DemoWorldTests {
    /// Sends raw bytes and gathers what comes until the peer closes.
    private func exchange(_ text: String, with endpoint: DemoEndpoint) async throws -> String {
        let port = try #require(endpoint.url.split(separator: ":").last.flatMap { Int($0) })
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: text))
            var answer = ""
            for try await buffer in inbound { answer += String(buffer: buffer) }
            return answer
        }
    }

    private func request(_ method: String, _ path: String, _ body: String = "") -> String {
        """
        \(method) \(path) HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\
        content-length: \(body.utf8.count)\r\n\r\n\(body)
        """
    }

    @Test func answersPlainAndStreamedAndRefusesNonsense() async throws {
        let begin = ContinuousClock.now
        let world = DemoWorld(options: DemoOptions(endpoints: 3, requestsPerSecond: 1, seed: 1), now: { begin })
        let endpoints = try await world.start()
        #expect(endpoints.map(\.name) == ["anthropic-main", "anthropic-eu", "openai-team"])
        let plain = try await exchange(
            request("POST", "/v1/messages?beta=true", #"{"model":"x","stream":false}"#), with: endpoints[0])
        #expect(plain.hasPrefix("HTTP/1.1 200 ") && plain.contains(#""model":"x""#))
        let streamed = try await exchange(
            request("POST", "/v1/chat/completions", #"{"model":"x","stream":true}"#), with: endpoints[1])
        #expect(streamed.contains("text/event-stream") && streamed.contains("data: [DONE]"))
        for (text, status) in [
            (request("GET", "/v1/models"), 200), (request("POST", "/v1/messages", "nonsense"), 400),
            (request("GET", "/nowhere"), 404), (request("GET", "/v1/messages"), 405),
            (request("POST", "/v1/messages", String(repeating: "x", count: 1 << 20 + 1)), 413),
        ] {
            for endpoint in endpoints {
                let answer = try await exchange(text, with: endpoint)
                #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
            }
        }
        await world.stop()
        await #expect(throws: (any Error).self) {
            try await exchange(request("GET", "/v1/models"), with: endpoints[0])
        }
    }

    @Test func configurationNamesEveryEndpointOnce() async throws {
        let world = DemoWorld(options: DemoOptions(endpoints: 7))
        let endpoints = try await world.start()
        let text = world.configurationText(port: 4711)
        #expect(text.contains("port: 4711"))
        for (index, endpoint) in endpoints.enumerated() {
            #expect(text.components(separatedBy: "- name: \(endpoint.name)\n").count == 2)
            #expect(text.contains("\(endpoint.kind.urlKey): \(endpoint.url)\n"))
            #expect(text.contains("priority: \(index + 1)\n"))
        }
        #expect(text.components(separatedBy: "enabled: false").count == 2)
        await world.stop()
    }

    @Test func trafficArrivesAndEndsWithTheWorld() async throws {
        let world = DemoWorld(options: DemoOptions(endpoints: 1, requestsPerSecond: 400, seed: 2))
        let endpoints = try await world.start()
        let port = try #require(endpoints[0].url.split(separator: ":").last.flatMap { Int($0) })
        world.startTraffic(to: "127.0.0.1", port: port)
        while world.trafficStatistics.succeeded < 20 { await Task.yield() }
        await world.stop()
        let after = world.trafficStatistics
        await Task.yield()
        #expect(world.trafficStatistics == after)
    }

    @Test func trafficToleratesAProxyThatIsNotThere() async throws {
        let world = DemoWorld(options: DemoOptions(endpoints: 1, requestsPerSecond: 1_000))
        _ = try await world.start()
        // Port 1 on loopback: nothing listens there.
        world.startTraffic(to: "127.0.0.1", port: 1)
        while world.trafficStatistics.failed < 5 { await Task.yield() }
        await world.stop()
        #expect(world.trafficStatistics.succeeded == 0)
    }
}
