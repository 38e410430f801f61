import LLMWire
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// What an endpoint has made is asked of it again.
@Suite(.timeLimit(.minutes(15)))
struct MadeIDTests {
    private static func id(_ text: String) -> MadeID? { Array(text.utf8).withUnsafeBytes { MadeID($0) } }

    @Test func theIDLearnedFirstMakesRoom() throws {
        var table = MadeIDTable()
        for number in 0..<MadeIDTable.capacity {
            table.insert(try #require(Self.id("\(number)")), madeBy: EndpointID(1), isFile: number == 0)
        }
        #expect(table.count == MadeIDTable.capacity && table.fileCount == 1)
        let (oldest, again, new) = (
            try #require(Self.id("0")), try #require(Self.id("1")), try #require(Self.id("new"))
        )
        // The same id made by another endpoint takes no further room.
        table.insert(again, madeBy: EndpointID(2), isFile: false)
        #expect(table.owner(of: oldest) == EndpointID(1) && table.owner(of: again) == EndpointID(2))
        table.insert(new, madeBy: EndpointID(3), isFile: false)
        #expect(table.owner(of: oldest) == nil && table.owner(of: new) == EndpointID(3))
        #expect(table.count == MadeIDTable.capacity && table.fileCount == 0)
    }

    @Test(arguments: [
        ("/v1/responses", "made"), ("/responses/", "made"), ("/v1/files", "file"), ("/v1/messages/batches", "made"),
        ("/v1/batches", "made"), ("/v1/responses/resp_1", "resp_1"), ("/files/f/content", "f"),
        ("/v1/messages/batches/b/results", "b"), ("/v1/messages", ""), ("/v1/filesystem", ""),
        ("/v1/messages/count_tokens", ""),
        ("/v1", ""), ("/", ""), ("", ""), ("/v1/models/files", ""), ("/v1/files//content", ""),
    ])
    func pathsAreReadForWhatTheyName(path: String, meaning: String) {
        let bytes = Array(path.utf8)
        let found =
            switch bytes.withUnsafeBytes({ MadeIDPath($0) }) {
            case .none: ""
            case .collection(let isFiles): isFiles ? "file" : "made"
            case .item(let range): String(decoding: bytes[range], as: UTF8.self)
            }
        #expect(found == meaning)
    }

    /// Two endpoints; the second makes things, since the table has it first at the time, and is behind the other one afterwards.
    private struct World {
        let proxy: ProxyHarness
        let upstreams: [ScriptedUpstream]
        let endpoints: [Upstream]

        func order(_ places: [Int], gate: Candidate.Gate = .open) {
            let absent = endpoints.indices.filter { !places.contains($0) }
            proxy.server.update(
                routes: RoutingTable(
                    candidates: places.map { Candidate(upstream: endpoints[$0], gate: $0 == 1 ? gate : .open) },
                    absent: absent.map { AbsentEndpoint(upstream: endpoints[$0], availability: .halfOpen) }))
        }

        /// - Returns: the endpoint that was asked
        func ask(_ request: String) async throws -> Int {
            let before = upstreams.map(\.requests.count)
            _ = try await proxy.exchange(request)
            return try #require(upstreams.indices.first { upstreams[$0].requests.count > before[$0] })
        }

        func made(by path: String, _ body: String) async throws {
            order([1, 0])
            #expect(try await ask(Wire.post(path, body: body)) == 1)
            order([0, 1])
        }
    }

    private func start(_ answer: String) async throws -> World {
        let upstreams = [
            try await ScriptedUpstream.start { _ in [.send(Wire.ok("{}", headers: Self.json))] },
            try await ScriptedUpstream.start { _ in [.send(answer)] },
        ]
        let endpoints = try upstreams.enumerated().map { try Upstream.local(UInt32($0 + 1), $1) }
        return World(proxy: try await ProxyHarness.start(endpoints), upstreams: upstreams, endpoints: endpoints)
    }

    private static let json = "Content-Type: application/json\r\n"
    private static func get(_ path: String) -> String {
        "GET \(path) HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    }

    @Test func aStoredResponseIsGoneOnWithWhereItWasMade() async throws {
        let answer = #"{"id":"resp_1","object":"response","status":"completed","output":[{"type":"message"}]}"#
        let world = try await start(Wire.ok(answer, headers: Self.json))
        try await world.made(by: "/v1/responses", #"{"input":"a"}"#)
        let next = Wire.post("/v1/responses", body: #"{"previous_response_id":"resp_1","input":"b"}"#)
        #expect(try await world.ask(next) == 1)
        #expect(try await world.ask(Self.get("/v1/responses/resp_1")) == 1)
        try await eventually { world.proxy.events.requests.count == 3 }
        #expect(world.proxy.events.requests.map(\.route) == [.order, .madeID, .madeID])
        // Others go by the order.
        #expect(try await world.ask(Wire.post("/v1/responses", body: #"{"input":"c"}"#)) == 0)
        #expect(try await world.ask(Self.get("/v1/responses/resp_2")) == 0)
        // On trial it is asked as well, and where it is out the others are.
        world.order([0, 1], gate: .halfOpen)
        #expect(try await world.ask(next) == 1)
        world.order([0])
        #expect(try await world.ask(next) == 0)
        await world.proxy.stop()
    }

    @Test(arguments: [true, false])
    func aStreamsFirstEventNamesTheResponse(isStored: Bool) async throws {
        let events = """
            event: response.created
            data: {"type":"response.created","response":{"id":"resp_1","status":"in_progress","store":\(isStored)}}

            event: response.output_text.delta
            data: {"type":"response.output_text.delta","delta":"a"}

            event: response.completed
            data: {"type":"response.completed","response":{"id":"resp_1","status":"completed"}}


            """
        let world = try await start(Wire.ok(events, headers: "Content-Type: text/event-stream\r\n"))
        try await world.made(by: "/v1/responses", #"{"input":"a","stream":true}"#)
        #expect(try await world.ask(Self.get("/v1/responses/resp_1")) == (isStored ? 1 : 0))
        await world.proxy.stop()
    }

    @Test func filesAndBatchesAreAskedForWhereTheyWereMade() async throws {
        let world = try await start(Wire.ok(#"{"object":"file","id":"file-1"}"#, headers: Self.json))
        try await world.made(by: "/v1/files", "…")
        #expect(try await world.ask(Self.get("/v1/files/file-1/content")) == 1)
        let message = #"{"messages":[{"content":[{"type":"document","source":{"file_id":"file-1"}}]}]}"#
        #expect(try await world.ask(Wire.post(body: message)) == 1)
        #expect(try await world.ask(Wire.post(body: message.replacing("file-1", with: "file-2"))) == 0)
        #expect(try await world.ask(Wire.post("/v1/batches", body: #"{"input_file_id":"file-1"}"#)) == 1)
        await world.proxy.stop()
    }

    /// The id is at the end of a body that comes in two parts.
    @Test func theBodyIsWaitedForAsAWhole() async throws {
        let world = try await start(Wire.ok(#"{"id":"resp_1","output":[{}]}"#, headers: Self.json))
        try await world.made(by: "/v1/responses", "{}")
        let padding = String(repeating: "x", count: 20_000)
        let request = Wire.post("/v1/responses", body: #"{"input":"\#(padding)","previous_response_id":"resp_1"}"#)
        let client = try await RawClient.connect(port: world.proxy.port)
        try await client.send(String(request.dropLast(10)))
        try await eventually { world.proxy.events.requestsStarted == 2 }
        try await client.send(String(request.suffix(10)))
        _ = await client.untilClosed()
        #expect(world.upstreams.map(\.requests.count) == [0, 2])
        await world.proxy.stop()
    }

    @Test func aRefusalMakesNothing() async throws {
        let world = try await start(Wire.status(400, #"{"id":"resp_1"}"#, headers: Self.json))
        try await world.made(by: "/v1/responses", "{}")
        #expect(try await world.ask(Self.get("/v1/responses/resp_1")) == 0)
        await world.proxy.stop()
    }
}
