import Engine
import PodiumModel
import TestSupport
import Testing

@testable import Control

@Suite(.timeLimit(.minutes(15)))
struct EventTests {
    @Test func anEventSaysByWhichWayItsCommandCame() async throws {
        try await ControlHarness.run { podium in
            _ = try await podium.client.setPinned("a", true)
            let console = ControlHarness.client(of: podium.socket, operatorName: "tester", source: .console)
            _ = try await console.setPinned("a", false)
            let raw = try await RawClient.connect(socket: podium.socket)
            try await raw.send(
                "POST /admin/api/endpoints/b/disable HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            #expect(await raw.untilClosed().hasPrefix("HTTP/1.1 200 "))
            _ = try await console.flush()
            let events = try await podium.client.snapshot().events
            func source(of deed: String) -> String? { events.last { $0.text.hasSuffix(deed) }?.source }
            #expect(source(of: " pinned a") == "cli")
            #expect(source(of: " unpinned a") == "console")
            #expect(source(of: " disabled b") == "api")
            #expect(source(of: " asked for a flush") == "console")
        }
    }

    @Test func eventsArriveAsTheyHappen() async throws {
        try await ControlHarness.run { podium in
            var iterator = podium.client.events().makeAsyncIterator()
            // Until the stream stands, what happens is before its time.
            let noting = Task {
                while !Task.isCancelled {
                    podium.engine.note(.info, source: "test", "ping")
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            var ping: Snapshot.Event?
            // The engine's own events may come before it.
            while ping == nil, case .event(let event) = try await iterator.next() {
                if event.source == "test" { ping = event }
            }
            noting.cancel()
            let first = try #require(ping)
            #expect(first.text == "ping")
            podium.engine.note(.warning, source: "test", "the last one\n")
            var last = first
            while last.level != "warning" || last.source != "test", case .event(let event) = try await iterator.next() {
                #expect(event.id > last.id)
                // The engine's own events may come in between.
                guard event.source == "test" else { continue }
                #expect(event.level == "warning" || event.identity == first.identity, "a ping repeats")
                last = event
            }
            #expect(last.level == "warning")
        }
    }

    @Test func aReaderGoesOnWhereItStopped() async throws {
        try await ControlHarness.run { podium in
            podium.engine.note(.info, source: "test", "one")
            podium.engine.note(.info, source: "test", "two")
            let all = try await podium.client.snapshot().events
            let one = try #require(all.first { $0.text == "one" })
            var iterator = podium.client.events(after: one.id).makeAsyncIterator()
            let next = try await iterator.next()
            #expect(next == .event(try #require(all.first { $0.text == "two" })))
        }
    }

    @Test func aReaderLearnsHowMuchItMissed() async throws {
        try await ControlHarness.run { podium in
            let newest = podium.engine.events(after: .max, limit: 0).newest
            for number in 1...2_500 {
                podium.engine.note(.debug, source: "test", "\(number)")
            }
            var iterator = podium.client.events(after: newest).makeAsyncIterator()
            // 200 of this level are kept; the engine's own events may come between.
            guard case .missed(let count) = try await iterator.next(), count >= 2_300 else {
                Issue.record("nothing was missed")
                return
            }
            var last = newest
            while last < newest + 2_500, case .event(let event) = try await iterator.next() {
                #expect(event.id > last)
                last = event.id
            }
            #expect(last >= newest + 2_500, "missed once, then everything that is there")
        }
    }

    @Test func whatRepeatsReachesAReaderWithItsCountAndIsNoFlood() async throws {
        try await ControlHarness.run { podium in
            podium.engine.note(.error, source: "test", "before")
            let start = podium.engine.events(after: .max, limit: 0).newest
            var iterator = podium.client.events(after: start).makeAsyncIterator()
            for number in 1...10_000 {
                podium.engine.note(.warning, source: "test", "refused \(number)", kind: .traffic, fold: "refused")
            }
            var told = 0
            var last: Snapshot.Event?
            while last?.count != 10_000, case .event(let event) = try await iterator.next() {
                guard event.source == "test" else { continue }
                #expect(last == nil || event.identity == last?.identity)
                told += 1
                last = event
            }
            #expect(told <= 100)
            #expect(last?.text == "refused 10000")
            let snapshot = try await podium.client.snapshot()
            #expect(snapshot.events.last { $0.source == "test" } == last)
            #expect(snapshot.events.contains { $0.text == "before" })
        }
    }

    @Test func aSilentStreamShowsThatItLives() async throws {
        var limits = ControlLimits()
        limits.heartbeat = .milliseconds(20)
        try await ControlHarness.run(limits: limits) { podium in
            let raw = try await RawClient.connect(socket: podium.socket)
            try await raw.send("GET /admin/api/events HTTP/1.1\r\nHost: x\r\n\r\n")
            let text = await raw.until(": still here\n\n")
            #expect(text.contains("Content-Type: text/event-stream"))
            try await raw.close()
        }
    }

    @Test func stoppingEndsEveryStream() async throws {
        try await ControlHarness.run { podium in
            let raw = try await RawClient.connect(socket: podium.socket)
            try await raw.send("GET /admin/api/events HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = await raw.until(": podium")
            await podium.server.stop()
            _ = await raw.untilClosed()
            await #expect(throws: ControlClientError.self) { try await podium.client.snapshot() }
        }
    }

    @Test func cancellingLetsGo() async throws {
        try await ControlHarness.run { podium in
            let reading = Task {
                for try await _ in podium.client.events(after: 0) {}
            }
            try await eventually { podium.server.connectionCount == 1 }
            reading.cancel()
            try await eventually { podium.server.connectionCount == 0 }
        }
    }
}
