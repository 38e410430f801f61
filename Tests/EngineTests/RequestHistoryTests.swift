import Configuration
import PodiumModel
import Proxy
import Ranking
import TestSupport
import Testing

@testable import Engine

private let epoch = ContinuousClock.now

/// The last requests with their ways from endpoint to endpoint, and what is said of them.
@Suite struct RequestHistoryTests {
    private static let names = ["a", "b", "c", "d", "e", "f"]

    private static func words(_ names: [String] = names) -> RequestHistory.Words {
        RequestHistory.Words(
            name: { id in names[Int(id.rawValue)] }, misconfiguration: { _ in "KEY is not set" },
            time: { 1_000 + Double(($0 - epoch).components.seconds) })
    }

    private static func attempt(_ endpoint: UInt32, _ outcome: AttemptOutcome, status: Int?) -> AttemptReport {
        AttemptReport(
            endpoint: EndpointID(endpoint), outcome: outcome, status: status, timeToFirstByte: .milliseconds(20),
            duration: .milliseconds(50), at: epoch)
    }

    private static func entry(
        _ attempts: [AttemptReport], endpoint: UInt32?, ending: RequestReport.Ending = .completed, table: UInt64? = 1,
        api: RequestAPI = .anthropic
    ) -> RequestHistory.Entry {
        RequestHistory.Entry(
            at: ReportTime(epoch), status: endpoint == nil ? 503 : 200, api: api, ending: ending,
            endpoint: endpoint.map { EndpointID($0) },
            bytesUp: 7, bytesDown: 9, firstByte: .milliseconds(40), duration: .milliseconds(60), table: table,
            firstAttempt: attempts.first)
    }

    /// As the proxy copies what names a request.
    private static func copy(
        _ id: String?, _ method: String = "POST", _ path: String = "/v1/messages", generated: UInt64? = nil
    ) -> (UnsafeMutableRawBufferPointer) -> RequestReport.Names {
        return { target in
            var names = RequestReport.Names()
            target.copyBytes(from: Array(((id ?? "") + method + path).utf8))
            names.generatedID = generated
            (names.idLength, names.methodLength, names.pathLength) =
                ((id ?? "").utf8.count, method.utf8.count, path.utf8.count)
            return names
        }
    }

    private static func place(
        _ endpoint: UInt32, _ state: RequestHistory.Place.State = .open,
        serves: ServedAPIs = [.anthropic, .openAI, .other],
        lacks: OpenAIAPI? = nil
    ) -> RequestHistory.Place {
        RequestHistory.Place(endpoint: EndpointID(endpoint), serves: serves, lacks: lacks, state: state)
    }

    private static func told(_ walk: RequestWalk?) -> [String] {
        walk?.steps.map { "\($0.result.rawValue) \($0.endpoint)\($0.text.isEmpty ? "" : ": ")\($0.text)" } ?? []
    }

    @Test func aWalkSaysWhoWasAskedAndWhyOthersWereNot() throws {
        var history = RequestHistory()
        let until = epoch + .seconds(30)
        history.note(
            [
                Self.place(0), Self.place(1, .halfOpen), Self.place(2, serves: .openAI), Self.place(3), Self.place(4),
                Self.place(5, .out(.open(until: until, cause: .halfOpenFailed(.timeout)))),
            ], version: 1)
        let attempts = [
            Self.attempt(0, .failure(.status(502)), status: 502),
            Self.attempt(3, .success(timeToFirstByte: .milliseconds(20)), status: 200),
        ]
        history.append(
            Self.entry(attempts, endpoint: 3), further: Array(attempts.dropFirst()), verdictRows: ["server error"],
            Self.copy("req-1"))
        let walk = try #require(history.walk(of: "req-1", Self.words()))
        #expect(
            Self.told(walk) == [
                "asked a: status 502", "skipped b: on trial: one request at a time tries it",
                "skipped c: no URL for Anthropic's API", "asked d: ok", "not_needed e",
                "out f: timed out: the trial failed: timed out",
            ])
        #expect(walk.steps.last?.until == 1_030)
        #expect(walk.steps[0].status == 502 && walk.steps[0].outcome == "server_error" && walk.steps[0].seconds == 0.05)
        #expect(walk.steps.map(\.verdict) == ["server error", nil, nil, nil, nil, nil])
        #expect(walk.endpoint == "d" && walk.api == "anthropic" && walk.ending == "completed" && walk.status == 200)
        #expect((walk.method, walk.path) == ("POST", "/v1/messages"))
        #expect(walk.knowsAll && walk.sameID == 0 && walk.unlisted == 0 && walk.time == 1_000)
    }

    @Test(arguments: [
        (RouteReason.session, "its session stays where its cache is"),
        (.brokenStream, "a stream of its session had just broken"),
        (.madeID, "the request names what another one has made"),
        (.explored, "another one was looked at that had not been measured lately"),
    ])
    func whatWasPassedOverForASessionIsNamed(route: RouteReason, reason: String) throws {
        var history = RequestHistory()
        history.note([Self.place(0), Self.place(1), Self.place(2)], version: 1)
        var entry = Self.entry([Self.attempt(1, .success(timeToFirstByte: nil), status: 200)], endpoint: 1)
        entry.route = route
        history.append(entry, Self.copy("kept"))
        let walk = try #require(history.walk(of: "kept", Self.words()))
        #expect(Self.told(walk) == ["skipped a: \(reason)", "asked b: ok", "not_needed c"])
        #expect(walk.route == route.rawValue)
    }

    @Test func anEndpointWithoutThePathIsNamed() throws {
        var history = RequestHistory()
        history.note([Self.place(0), Self.place(1), Self.place(2)], version: 1)
        let attempts = [Self.attempt(1, .success(timeToFirstByte: nil), status: 200)]
        history.append(
            Self.entry(attempts, endpoint: 1), passes: [PassedOver(EndpointID(0), .pathUnknown)], Self.copy("path"))
        let walk = try #require(history.walk(of: "path", Self.words()))
        #expect(Self.told(walk) == ["skipped a: does not know the path", "asked b: ok", "not_needed c"])
        #expect(walk.route == nil)
    }

    @Test func whereNoEndpointWasLeftEveryOneHadItsTurn() {
        var history = RequestHistory()
        history.note(
            [
                Self.place(0, lacks: .responses), Self.place(1, .halfOpen), Self.place(2, .out(.disabled)),
                Self.place(3, .unusable), Self.place(4, .out(.misconfigured(until: epoch, status: 402))),
                Self.place(5, .out(.timedOut(until: epoch, TimeOutReason(.rateLimited, status: 429)))),
            ], version: 1)
        history.append(
            Self.entry([], endpoint: nil, ending: .answeredLocally, api: .openAI), Self.copy("none"))
        #expect(
            Self.told(history.walk(of: "none", Self.words())) == [
                "skipped a: does not know /responses", "skipped b: on trial: one request at a time tries it",
                "out c: switched off", "out d: misconfigured: KEY is not set",
                "out e: nothing left on the account (402)",
                "out f: rate limited (429)",
            ])
    }

    @Test func anIDIsFoundAsItStandsInTheLogAndTheNewestOfIt() {
        var history = RequestHistory()
        history.note([Self.place(0)], version: 1)
        history.append(Self.entry([], endpoint: 0), Self.copy(nil, generated: 0x2A))
        history.append(Self.entry([], endpoint: 0), Self.copy("twice", "GET", "/1"))
        history.append(Self.entry([], endpoint: 0), Self.copy("twice", "GET", "/2"))
        history.append(Self.entry([], endpoint: 0), Self.copy("twice-", "GET", "/3"))
        #expect(history.walk(of: "000000000000002a", Self.words())?.path == "/v1/messages")
        let newest = history.walk(of: "twice", Self.words())
        #expect(newest?.path == "/2" && newest?.sameID == 1)
        for unknown in ["", "2a", "0x0000000000002a", "+00000000000002a", "twic", "POST"] {
            #expect(history.walk(of: unknown, Self.words()) == nil, "\(unknown)")
        }
    }

    /// A request that was refused came to no table; one whose table is gone knows those that it asked.
    @Test func withoutATableTheAttemptsAreKnown() {
        var history = RequestHistory()
        let attempts = [Self.attempt(2, .neutral, status: nil)]
        history.append(Self.entry(attempts, endpoint: nil, ending: .clientClosed), Self.copy("old"))
        history.append(Self.entry([], endpoint: nil, ending: .answeredLocally, table: nil), Self.copy("refused"))
        #expect(Self.told(history.walk(of: "old", Self.words())) == ["asked c: the client went away"])
        #expect(history.walk(of: "old", Self.words())?.knowsAll == false)
        #expect(history.walk(of: "refused", Self.words())?.steps == [])
    }

    @Test func whatIsKeptIsBounded() throws {
        var history = RequestHistory()
        let many = (0..<30).map { Self.attempt(UInt32($0), .failure(.connect), status: nil) }
        let names = (0..<1_000).map { "n\($0)" }
        let places = (0..<UInt32(1_000)).map { Self.place($0) }
        for number in 0..<25_000 {
            if number % 100 == 0 { history.note(places, version: UInt64(number / 100)) }
            history.append(
                Self.entry(many, endpoint: 29, table: UInt64(number / 100)), further: Array(many.dropFirst()),
                Self.copy("r\(number)"))
        }
        #expect(history.count == RequestHistory.capacity)
        #expect(history.placeCount <= RequestHistory.mostPlaces && history.tableCount == 32)
        #expect(RequestHistory.mostBytes <= 20 << 20)
        #expect(history.walk(of: "r14999", Self.words(names)) == nil)
        let oldest = try #require(history.walk(of: "r15000", Self.words(names)))
        #expect(oldest.steps.count == RequestHistory.mostAttempts + 1 && oldest.unlisted == 21 && !oldest.knowsAll)
        let newest = try #require(history.walk(of: "r24999", Self.words(names)))
        #expect(newest.steps.count == RequestHistory.mostSteps && newest.knowsAll)
        #expect(newest.unlisted == 1_000 - RequestHistory.mostSteps + 21)
        // A table that is larger than all that is kept is kept as long as it is the newest.
        history.note((0..<40_000).map { Self.place($0) }, version: 900)
        #expect(history.tableCount == 1)
        history.note(places, version: 901)
        #expect(history.tableCount == 1 && history.placeCount == 1_000)
    }

    @Test func aStepTellsFirstContentAndSpeed() {
        var history = RequestHistory()
        let attempt = AttemptReport(
            endpoint: EndpointID(0), outcome: .success(nil), status: 200,
            timeToFirstByte: .milliseconds(20), duration: .milliseconds(900), at: epoch,
            figures: AnswerFigures(timeToFirstContent: .milliseconds(300), tokensPerSecond: 41.5))
        history.append(Self.entry([attempt], endpoint: 0), Self.copy("r"))
        let step = history.walk(of: "r", Self.words())?.steps.first
        #expect(step?.firstByteSeconds == 0.02 && step?.firstContentSeconds == 0.3 && step?.tokensPerSecond == 41.5)
    }

    /// From a client's request over sockets to the answer.
    @Test func theEngineExplainsARequest() async throws {
        let upstream = try await ScriptedUpstream.start { request in
            [.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")]
        }
        let running = try await RunningEngine.start(
            """
            server: { port: 0 }
            endpoints:
              - { name: dead, url: "http://127.0.0.1:1" }
              - { name: off, url: "http://127.0.0.1:2", enabled: false }
              - { name: good, url: "http://127.0.0.1:\(upstream.port)" }
            """)
        let path = "/v1/messages/" + String(repeating: "x", count: 400)
        _ = try await running.exchange(
            "POST \(path)?key=secret HTTP/1.1\r\nHost: here\r\nX-Request-ID: mine\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        )
        var walk: RequestWalk?
        try await eventually {
            guard case .walk(let found)? = try? await running.engine.perform(.explain("mine"), by: "test") else {
                return false
            }
            walk = found
            return true
        }
        #expect(
            Self.told(walk) == [
                "asked dead: connection refused or unreachable", "asked good: ok", "out off: switched off",
            ])
        #expect(walk?.endpoint == "good" && walk?.method == "POST" && walk?.knowsAll == true)
        #expect(
            walk.map { path.hasPrefix($0.path.dropLast()) && $0.path.hasSuffix("…") && $0.path.count > 100 } == true)
        await #expect(throws: CommandRefusal.noSuchRequest("other", known: 1)) {
            try await running.engine.perform(.explain("other"), by: "test")
        }
        await running.stop()
    }
}
