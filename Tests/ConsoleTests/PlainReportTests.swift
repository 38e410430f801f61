import PodiumModel
import Testing

@testable import Console

@Suite("Plain lines")
struct PlainReportTests {
    @Test("The state in words")
    func report() {
        var snapshot = Fixture.snapshot(2)
        snapshot.endpoints[1].state = .down
        snapshot.endpoints[1].availability.until = Fixture.now + 40
        snapshot.endpoints[1].lastError = .init(time: Fixture.time(12, 0, 0), text: "502\u{1B}[2J Bad Gateway")
        #expect(
            PlainReport.lines(snapshot) == [
                "podium 1.4.0 at prod-1:8080, up 3d 04:12",
                "endpoints: 1 up, 1 down; 12.4 requests/s, p95 812ms, errors 0.7%, in flight 7; auto-sort on",
                "rank 1: anthropic-main, up, any, ok 99.8%, p50 410ms, p95 780ms, 6.1 requests/s",
                "rank 2: anthropic-eu, down, anth, ok 99.6%, p50 455ms, p95 840ms, 3.0 requests/s, tried again in 40s, "
                    + "last error: 502[2J Bad Gateway",
                "persister: 4 unsaved, oldest 18s, next write in 12s; 212 writes, 37 throttled, 1 failed",
                "file: /etc/podium/config.yaml, 4.1 K",
                "last flush: 12:03:49 interval, 4 changes, 3.2 ms, saved",
            ])
    }

    @Test("What cannot be used says why, and one failure is told once")
    func reasons() {
        var snapshot = ConsolePicture(receivedAt: .now)
        var endpoint = Snapshot.Endpoint(id: 1, name: "main")
        endpoint.state = .misconfigured
        endpoint.explanation = Fixture.explanation([
            "Cannot be used: environment variable KEY not set.", "Rank 1 for 3 s.",
        ])
        snapshot.endpoints = [endpoint]
        var flush = Snapshot.Flush(number: 1, time: Fixture.time(1, 2, 3), trigger: "reload")
        flush.result = .failed
        (flush.errorCode, flush.error) = ("ENOSPC", "no space")
        snapshot.flushes = [flush]
        var lines = PlainReport.lines(snapshot)
        #expect(lines[2].hasSuffix(", cannot be used: environment variable KEY not set"))
        #expect(lines.filter { $0.contains("no space") }.count == 1)
        snapshot.flushes.append(Snapshot.Flush(number: 2, time: Fixture.time(1, 2, 4), trigger: "interval"))
        lines = PlainReport.lines(snapshot)
        #expect(lines.filter { $0.contains("no space") }.count == 1)
    }

    @Test("What is kept for another endpoint, and what could not be")
    func replay() {
        var snapshot = ConsolePicture(receivedAt: .now)
        snapshot.traffic.replayBytes = 0
        snapshot.traffic.unreplayable = 0
        #expect(PlainReport.lines(snapshot)[1].hasSuffix("; auto-sort on"))
        snapshot.traffic.replayBytes = 3_000_000
        snapshot.traffic.unreplayable = 1_234
        #expect(
            PlainReport.lines(snapshot)[1].hasSuffix(
                "; auto-sort on; kept for replay \(Quantity.bytes(3_000_000, dash: ""))B; 1,234 without replay, since "
                    + "replay_memory was used up"))
        var picture = Fixture.snapshot()
        #expect(!Fixture.console(250, 70, picture).screen().contains("no replay"))
        picture.traffic.unreplayable = 1_234
        #expect(Fixture.console(250, 70, picture).screen().contains("in-flight 7  no replay 1,234"))
    }

    @Test("What a refusal has timed out, and for what")
    func timeOuts() {
        var snapshot = ConsolePicture(receivedAt: .now)
        var main = Snapshot.Endpoint(id: 1, name: "main")
        main.state = .cooling
        (main.availability.kind, main.availability.until) = (.rateLimited, snapshot.snapshot.takenAt + 250)
        (main.availability.cause, main.availability.reason) = ("quota used up (402)", "quota")
        var other = Snapshot.Endpoint(id: 2, name: "other")
        other.limitedModels = [
            .init(
                model: "opus", until: snapshot.snapshot.takenAt + 20, cause: "rate limited (429)",
                reason: "rate_limited"),
            // Over, and not told of yet.
            .init(
                model: "haiku", until: snapshot.snapshot.takenAt - 1, cause: "rate limited (429)",
                reason: "rate_limited"),
        ]
        snapshot.endpoints = [main, other]
        let lines = PlainReport.lines(snapshot)
        #expect(lines[2].contains(", tried again in 4m10, quota used up (402)"))
        #expect(lines[3].hasSuffix(", without opus for 20s: rate limited (429)"))
    }

    @Test("One change is one change")
    func one() {
        var snapshot = Fixture.snapshot()
        snapshot.flushes[2].changes = ["one"]
        #expect(PlainReport.lines(snapshot).last?.contains("interval, 1 change, 3.2 ms") == true)
    }

    @Test("An event in a line")
    func event() {
        let event = Fixture.event(1, Fixture.time(1, 2, 3), .warning, "proxy", "a\nb")
        #expect(PlainReport.line(event, utcOffset: 3_600) == "02:02:03 warning proxy: a b")
    }
}
