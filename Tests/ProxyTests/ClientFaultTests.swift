import Ranking
import Synchronization
import TestSupport
import Testing

@testable import Proxy

/// What a client does, or does not do, is not held against an endpoint.
@Suite(.timeLimit(.minutes(15)))
struct ClientFaultTests {
    private static let halfARequest = "POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf"

    /// The endpoint has waited long enough for the rest of the request.
    @Test(arguments: [
        [ScriptedUpstream.Step.close], [.reset], [.send(Wire.status(408, "slow")), .close],
        [.send(Wire.status(504, "slow")), .close],
    ])
    func anEndpointThatWaitsForAnUploadInVainIsNotToBlame(steps: [ScriptedUpstream.Step]) async throws {
        let first = try await ScriptedUpstream.start(answersEarly: true) { _ in steps }
        let second = try await ScriptedUpstream.start { request in [.send(Wire.ok("got " + request.body))] }
        let proxy = try await ProxyHarness.start([.local(1, first), .local(2, second)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Self.halfARequest)
        try await eventually { proxy.events.attempts.count == 1 }
        #expect(proxy.events.attempts.first?.outcome == .neutral)
        try await client.send("done")
        #expect(await client.until("got halfdone").hasSuffix("got halfdone"))
        try await client.close()
        await proxy.stop()
    }

    /// The last endpoint's 408 is the answer.
    @Test func theLastOnesImpatienceIsTold() async throws {
        let only = try await ScriptedUpstream.start(answersEarly: true) { _ in [.send(Wire.status(408, "slow"))] }
        let proxy = try await ProxyHarness.start([.local(1, only)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Self.halfARequest)
        #expect(await client.until("slow").hasPrefix("HTTP/1.1 408 "))
        try await eventually { proxy.events.attempts.count == 1 }
        #expect(proxy.events.attempts.first?.outcome == .neutral)
        try await client.close()
        await proxy.stop()
    }

    /// A request that is wholly there, and an endpoint that hangs up, is the endpoint's failure as ever.
    @Test func anEndpointThatHangsUpOnAWholeRequestIsToBlame() async throws {
        let first = try await ScriptedUpstream.start { _ in [.close] }
        let proxy = try await ProxyHarness.start([.local(1, first)])
        #expect(try await proxy.exchange(Wire.post()).hasPrefix("HTTP/1.1 503 "))
        #expect(proxy.events.attempts.map(\.outcome) == [.failure(.closed)])
        await proxy.stop()
    }

    @Test func theTimeOfTheUploadIsNotTheEndpoints() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("ok"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Self.halfARequest)
        try await eventually { upstream.bytesRead > 0 }
        let pause = Duration.milliseconds(300)
        try await Task.sleep(for: pause)
        try await client.send("done")
        _ = await client.until("ok")
        try await eventually { proxy.events.attempts.count == 1 }
        let attempt = try #require(proxy.events.attempts.first)
        #expect(attempt.duration > pause)
        #expect(try #require(attempt.timeToFirstByte) < attempt.duration - pause + .milliseconds(50))
        try await client.close()
        await proxy.stop()
    }

    /// An answer that came before the request was whole measures nothing.
    @Test func anEarlyAnswerIsNoSample() async throws {
        let upstream = try await ScriptedUpstream.start(answersEarly: true) { _ in [.send(Wire.ok("early"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Self.halfARequest)
        _ = await client.until("early")
        try await eventually { proxy.events.attempts.count == 1 }
        #expect(proxy.events.attempts.first?.outcome == .success(timeToFirstByte: nil))
        try await client.close()
        await proxy.stop()
    }

    /// One request at a time may try an endpoint on probation; that is not to be one whose client takes its time.
    @Test func aSlowUploadDoesNotHoldTheTrial() async throws {
        let upstream = try await ScriptedUpstream.start { request in [.send(Wire.ok("got " + request.body))] }
        let admitted = Admissions()
        let proxy = try await ProxyHarness.start(
            [.local(1, upstream)], admits: { _ in admitted.admit() }, gate: .halfOpen)
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Self.halfARequest)
        try await eventually { proxy.events.requestsStarted == 1 }
        #expect(try await proxy.exchange(Wire.post(body: "fast")).hasSuffix("got fast"))
        #expect(admitted.count == 1)
        try await client.send("done")
        #expect(await client.until("got halfdone").hasSuffix("got halfdone"))
        #expect(admitted.count == 2)
        try await client.close()
        await proxy.stop()
    }

    // MARK: Requests that fail everywhere

    private func outcomes(
        _ first: ScriptedUpstream.Step, _ second: ScriptedUpstream.Step
    ) async throws -> (answer: String, attempts: [AttemptReport]) {
        let one = try await ScriptedUpstream.start { _ in [first] }
        let two = try await ScriptedUpstream.start { _ in [second] }
        let proxy = try await ProxyHarness.start([.local(1, one), .local(2, two)])
        let answer = try await proxy.exchange(Wire.post(body: "poison"))
        try await eventually { proxy.events.attempts.count == 2 }
        await proxy.stop()
        return (answer, proxy.events.attempts)
    }

    @Test(arguments: [
        (ScriptedUpstream.Step.send(Wire.status(500)), ScriptedUpstream.Step.send(Wire.status(502)), true),
        (.close, .reset, true), (.send(Wire.status(401)), .send(Wire.status(403)), true),
        (.send(Wire.status(500)), .close, false), (.send(Wire.status(500)), .send(Wire.ok("fine")), false),
        (.send(Wire.status(500)), .send(Wire.status(400)), false),
        (
            .send(Wire.status(429, headers: "Retry-After: 5\r\n")),
            .send(Wire.status(429, headers: "Retry-After: 5\r\n")), false
        ),
    ])
    func theSameFailureEverywhereIsSaid(
        first: ScriptedUpstream.Step, second: ScriptedUpstream.Step, isEverywhere: Bool
    ) async throws {
        let (_, attempts) = try await outcomes(first, second)
        #expect(attempts.map(\.endpoint) == [EndpointID(1), EndpointID(2)])
        #expect(attempts.map { $0.failedEverywhere != nil } == [isEverywhere, isEverywhere])
        #expect(attempts[0].failedEverywhere == attempts[1].failedEverywhere)
    }

    @Test func anEndpointThatCannotBeReachedDoesNotSpeakForTheRequest() async throws {
        let gone = try #require(RefusingPort())
        let first = try await ScriptedUpstream.start { _ in [.send(Wire.status(500))] }
        let third = try await ScriptedUpstream.start { _ in [.send(Wire.status(500))] }
        let proxy = try await ProxyHarness.start([.local(1, first), .local(2, port: gone.port), .local(3, third)])
        #expect(try await proxy.exchange(Wire.post()).hasPrefix("HTTP/1.1 503 "))
        let told = proxy.events.attempts.sorted { $0.endpoint.rawValue < $1.endpoint.rawValue }
        #expect(told.map { $0.failedEverywhere != nil } == [true, false, true])
        await proxy.stop()
    }

    @Test func theSameRequestHasTheSameNameAndAnotherHasAnother() async throws {
        let only = try await ScriptedUpstream.start { _ in [.send(Wire.status(500))] }
        let proxy = try await ProxyHarness.start([.local(1, only)])
        for body in ["poison", "poison", "other", "poisom"] { _ = try await proxy.exchange(Wire.post(body: body)) }
        let names = proxy.events.attempts.map(\.failedEverywhere)
        #expect(names[0] != nil && names[0] == names[1])
        #expect(Set(names).count == 3)
        await proxy.stop()
    }
}

/// Counts who was let through.
private final class Admissions: Sendable {
    private let log = ProxyHarness.EventLog()

    func admit() -> Bool {
        log.events.withLock { $0.requestsStarted += 1 }
        return true
    }

    var count: Int { log.events.withLock { $0.requestsStarted } }
}
