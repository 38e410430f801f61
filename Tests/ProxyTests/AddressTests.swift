import Dispatch
import Support
import NIOCore
import NIOPosix
import Ranking
import Synchronization
import TestSupport
import Testing

@testable import Proxy

/// Names with several addresses, names that move, addresses as such.
@Suite(.timeLimit(.minutes(15)))
struct AddressTests {
    private func harness(
        _ upstream: Upstream, names: NameLookup, age: Duration = .seconds(600)
    ) async throws -> ProxyHarness {
        var options = ProxyOptions()
        options.names = names
        options.connectionAge = age
        return try await ProxyHarness.start([upstream], options: options)
    }

    private func endpoint(_ url: String) throws -> Upstream {
        var timeouts = UpstreamTimeouts()
        timeouts.connect = .seconds(40)
        return try Upstream(id: EndpointID(1), name: "named", anyURL: UpstreamURL(url), timeouts: timeouts)
    }

    /// The suite's time limit would end it if a dead address cost the connect timeout.
    @Test func aDeadFirstAddressDoesNotCostTheConnectTimeout() async throws {
        let dead = try #require(UnresponsivePort())
        let server = try await ScriptedUpstream.start { _ in [.send(Wire.ok("alive"))] }
        let proxy = try await harness(
            try endpoint("http://many.test"),
            names: NameLookup { _, _ in
                [
                    try SocketAddress(ipAddress: "127.0.0.1", port: dead.port),
                    try SocketAddress(ipAddress: "127.0.0.1", port: server.port),
                ]
            })
        let began = ContinuousClock.now
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("alive"))
        #expect(ContinuousClock.now - began < .seconds(20))
        #expect(await proxy.server.probe(try endpoint("http://many.test")).failure == nil)
        await proxy.stop()
    }

    @Test func refusedAddressesArePassedOver() async throws {
        let gone = try #require(RefusingPort())
        let server = try await ScriptedUpstream.start { _ in [.send(Wire.ok("alive"))] }
        let proxy = try await harness(
            try endpoint("http://many.test"),
            names: NameLookup { _, _ in
                [
                    try SocketAddress(ipAddress: "::1", port: gone.port),
                    try SocketAddress(ipAddress: "127.0.0.1", port: gone.port),
                    try SocketAddress(ipAddress: "127.0.0.2", port: gone.port),
                    try SocketAddress(ipAddress: "127.0.0.1", port: server.port),
                ]
            })
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("alive"))
        await proxy.stop()
    }

    @Test func aNameIsResolvedForEachConnection() async throws {
        let old = try await ScriptedUpstream.start { _ in [.send(Wire.ok("old"))] }
        let new = try await ScriptedUpstream.start { _ in [.send(Wire.ok("new"))] }
        let ports = Mutex([old.port, new.port])
        let proxy = try await harness(
            try endpoint("http://moving.test:81"),
            names: NameLookup { host, port in
                #expect(host == "moving.test")
                #expect(port == 81)
                return [try SocketAddress(ipAddress: "127.0.0.1", port: ports.withLock { $0.removeFirst() })]
            }, age: .zero)
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("old"))
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("new"))
        await proxy.stop()
    }

    @Test func aYoungConnectionIsUsedAgainWithoutAskingAnew() async throws {
        let server = try await ScriptedUpstream.start { request in [.send(Wire.ok("\(request.index)"))] }
        let lookups = Atomic<Int>(0)
        let proxy = try await harness(
            try endpoint("http://kept.test"),
            names: NameLookup { _, _ in
                lookups.wrappingAdd(1, ordering: .relaxed)
                return [try SocketAddress(ipAddress: "127.0.0.1", port: server.port)]
            })
        let client = try await RawClient.connect(port: proxy.port)
        for index in 0..<2 {
            client.clear()
            try await client.send(Wire.post(closes: false))
            #expect(await client.until("\r\n\r\n\(index)").hasSuffix("\(index)"))
        }
        #expect(lookups.load(ordering: .relaxed) == 1)
        try await client.close()
        await proxy.stop()
    }

    @Test func aNameServerThatIsSilentHoldsUpNobodyElse() async throws {
        let server = try await ScriptedUpstream.start { _ in [.send(Wire.ok("served"))] }
        let stuck = DispatchSemaphore(value: 0)
        let lookups = Atomic<Int>(0)
        let names = NameLookup { host, _ in
            if host == "stuck.test" {
                lookups.wrappingAdd(1, ordering: .relaxed)
                stuck.wait()
            }
            return [try SocketAddress(ipAddress: "127.0.0.1", port: server.port)]
        }
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let waiting = (0..<20).map { _ in names.addresses(of: "stuck.test", port: 1, on: loop) }
        let proxy = try await harness(try endpoint("http://quick.test"), names: names)
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("served"))
        stuck.signal()
        for answer in waiting { #expect(try await answer.get().count == 1) }
        // All that waited had the same answer.
        #expect(lookups.load(ordering: .relaxed) == 1)
        await proxy.stop()
    }

    /// However many hang, each has a thread of its own, and one that is asked for a hundred times has one.
    @Test(arguments: [9, 50, 1_000]) func namesThatHangHoldUpNoOther(count: Int) async throws {
        let server = try await ScriptedUpstream.start { _ in [.send(Wire.ok("served"))] }
        let stuck = DispatchSemaphore(value: 0)
        let names = NameLookup { host, _ in
            if host.hasPrefix("stuck") { stuck.wait() }
            return [try SocketAddress(ipAddress: "127.0.0.1", port: server.port)]
        }
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let waiting = (0..<count).map { names.addresses(of: "stuck\($0).test", port: 1, on: loop) }
        let proxy = try await harness(try endpoint("http://quick.test"), names: names)
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("served"))
        for number in 0..<20 {
            #expect(try await names.addresses(of: "quick\(number).test", port: 1, on: loop).get().count == 1)
        }
        for _ in 0..<count { stuck.signal() }
        for answer in waiting { #expect(try await answer.get().count == 1) }
        await proxy.stop()
    }

    @Test func theLastAddressesServeWhereALookupHangsOrCannotBeMade() async throws {
        let answers = Mutex<[Result<[SocketAddress], any Error>]>([])
        let stuck = DispatchSemaphore(value: 0)
        let names = NameLookup(
            { _, _ in
                guard let answer = answers.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else {
                    stuck.wait()
                    return []
                }
                return try answer.get()
            }, patience: .zero)
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        func ask(mayBeKnown: Bool = true) async throws -> [SocketAddress] {
            try await names.addresses(of: "known.test", port: 1, mayBeKnown: mayBeKnown, on: loop).get()
        }
        func prepare(_ answer: Result<[SocketAddress], any Error>) { answers.withLock { $0.append(answer) } }
        let first = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        prepare(.success([first]))
        #expect(try await ask() == [first])
        prepare(.failure(NameLookupError(status: EAI_AGAIN)))
        #expect(try await ask() == [first])
        // A trial is told what is so now. The first one may still have joined the lookup before, which the known addresses overtook.
        prepare(.failure(NameLookupError(status: EAI_AGAIN)))
        repeat {
            await #expect(throws: NameLookupError.self) { try await ask(mayBeKnown: false) }
        } while answers.withLock { !$0.isEmpty }
        // It hangs: the first to ask waits for the patience, those who come later for nothing.
        #expect(try await ask() == [first])
        #expect(try await ask() == [first])
        let honest = names.addresses(of: "known.test", port: 1, mayBeKnown: false, on: loop)
        stuck.signal()
        #expect(try await honest.get().isEmpty)
        // What has no address now has none.
        prepare(.failure(NameLookupError(status: EAI_NONAME)))
        await #expect(throws: NameLookupError.self) { try await ask() }
        prepare(.failure(NameLookupError(status: EAI_AGAIN)))
        await #expect(throws: NameLookupError.self) { try await ask() }
    }

    @Test func addressesAreNotLookedUp() async throws {
        let names = NameLookup { host, _ in
            Issue.record("\(host) was looked up")
            return []
        }
        let server = try await ScriptedUpstream.start { _ in [.send(Wire.ok("four"))] }
        let proxy = try await harness(try endpoint("http://127.0.0.1:\(server.port)"), names: names)
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("four"))
        await proxy.stop()
    }

    @Test func anIPv6LiteralIsServed() async throws {
        let server: ScriptedUpstream
        do {
            server = try await ScriptedUpstream.start(host: "::1") { _ in [.send(Wire.ok("six"))] }
        } catch {
            // A machine without IPv6 can only be asked to refuse in time.
            let proxy = try await harness(try endpoint("http://[::1]:9"), names: NameLookup())
            #expect(try await proxy.exchange(Wire.post()).hasPrefix("HTTP/1.1 503 "))
            return await proxy.stop()
        }
        let proxy = try await harness(try endpoint("http://[::1]:\(server.port)"), names: NameLookup())
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("six"))
        #expect(server.requests.first?.header("host") == "[::1]:\(server.port)")
        await proxy.stop()
    }

    @Test func theSystemKnowsLocalhost() throws {
        let addresses = try NameLookup.system("localhost", 80)
        #expect(addresses.contains { $0.ipAddress == "127.0.0.1" || $0.ipAddress == "::1" })
        #expect(throws: NameLookupError.self) { try NameLookup.system("endpoint.invalid", 80) }
    }
}
