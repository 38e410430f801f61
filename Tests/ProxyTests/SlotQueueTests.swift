import Dispatch
import NIOCore
import Ranking
import Synchronization
import TestSupport
import Testing

@testable import Proxy

/// Requests that wait for a place at an endpoint with `max_in_flight`.
@Suite(.timeLimit(.minutes(15)))
struct SlotQueueTests {
    private static func upstream(_ id: UInt32, limit: Int, load: EndpointLoad = EndpointLoad()) throws -> Upstream {
        try Upstream(
            id: EndpointID(id), name: "endpoint-\(id)", anyURL: UpstreamURL("http://127.0.0.1:\(1000 + id)"),
            maxInFlight: limit, load: load)
    }

    // MARK: The line alone

    @Test func theFirstWhoMayUseTheEndpointIsGivenThePlace() {
        var queue = SlotQueue()
        let (a, b) = (
            SlotQueue.Wish(endpoint: EndpointID(1), limit: 1), SlotQueue.Wish(endpoint: EndpointID(2), limit: 1)
        )
        let first = queue.join([a], length: 9)
        let second = queue.join([a, b], length: 9)
        let third = queue.join([b], length: 9)
        #expect(queue.waiting(for: EndpointID(1)) == 2 && queue.waiting(for: EndpointID(2)) == 2)
        #expect(queue.give(at: EndpointID(2), running: 0) == second)
        #expect(queue.give(at: EndpointID(2), running: 1) == nil)
        #expect(queue.give(at: EndpointID(2), running: 0) == third)
        #expect(queue.give(at: EndpointID(1), running: 0) == first)
        #expect(queue.count == 0 && !queue.isIdle)
        #expect([first, second, third].compactMap { $0 }.map { queue.take($0) } == [1, 2, 2].map { EndpointID($0) })
        #expect(queue.isIdle)
    }

    @Test func theLineHasAnEnd() {
        var queue = SlotQueue()
        let wish = SlotQueue.Wish(endpoint: EndpointID(1), limit: 1)
        #expect(queue.join([wish], length: 0) == nil)
        #expect(queue.join([wish], length: 1) != nil)
        #expect(queue.join([wish], length: 1) == nil)
    }

    // MARK: A model beside it

    /// What the rules say, in the plainest form: a list of those that wait, and who is where.
    private struct Model {
        var limits: [Int]
        var running: [Int: Int] = [:]
        var line: [(request: Int, wishes: Set<Int>)] = []

        func count(_ endpoint: Int) -> Int { running.values.count { $0 == endpoint } }

        /// Whoever comes first gets the place, for as long as there are any.
        mutating func settle(at endpoint: Int) {
            while count(endpoint) < limits[endpoint],
                let place = line.firstIndex(where: { $0.wishes.contains(endpoint) })
            {
                running[line.remove(at: place).request] = endpoint
            }
        }
    }

    /// Requests come, wait, end, leave and change their wishes in any order: never one too many at an endpoint, none forgotten, none
    /// passed by one that came later.
    @Test(arguments: 0..<UInt64(40)) func anyOrderOfEventsGoesByTheModel(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let limits = (0..<3).map { _ in Int.random(in: 1...4, using: &random) }
        let length = Int.random(in: 0...6, using: &random)
        let upstreams = try limits.enumerated().map { try Self.upstream(UInt32($0), limit: $1) }
        let slots = EndpointSlots()
        var model = Model(limits: limits)
        let woken = Mutex<[Int]>([])
        var tickets: [Int: SlotQueue.Ticket] = [:]
        for request in 0..<400 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let wishes = Set((0..<3).filter { _ in random.chance(60) })
                // As the walk through the order does it: the first that takes it at once.
                let taken = wishes.sorted().first { slots.start(at: upstreams[$0]) }
                let expected = wishes.sorted().first { endpoint in
                    model.count(endpoint) < limits[endpoint] && !model.line.contains { $0.wishes.contains(endpoint) }
                }
                #expect(taken == expected)
                if let taken {
                    model.running[request] = taken
                } else if !wishes.isEmpty {
                    let targets = wishes.sorted().map { upstreams[$0] }
                    switch slots.wait(
                        for: targets, nil, length: length, wake: { woken.withLock { $0.append(request) } })
                    {
                    case .waits(let ticket):
                        #expect(model.line.count < length)
                        tickets[request] = ticket
                        model.line.append((request, wishes))
                    case .isFull: #expect(model.line.count >= length)
                    case .given: Issue.record("there was no place a moment ago")
                    }
                }
            case 5..<8:
                // One that has not taken its place yet does not end there.
                guard
                    let one = model.running.keys.sorted().filter({ tickets[$0] == nil }).randomElement(using: &random),
                    let endpoint = model.running.removeValue(forKey: one)
                else { continue }
                slots.ended(upstreams[endpoint].load, at: upstreams[endpoint].id)
                model.settle(at: endpoint)
            case 8:
                // Its client leaves, before it has come to take what it was given, perhaps.
                guard let one = tickets.keys.sorted().randomElement(using: &random), let ticket = tickets[one] else {
                    continue
                }
                tickets[one] = nil
                slots.leave(ticket)
                if let endpoint = model.running.removeValue(forKey: one) {
                    model.settle(at: endpoint)
                }
                model.line.removeAll { $0.request == one }
            default:
                // Another routing table: it may ask others than before, and keeps its place in the line.
                guard let place = model.line.indices.randomElement(using: &random) else { continue }
                let one = model.line[place].request
                let wishes = Set((0..<3).filter { _ in random.chance(60) })
                guard !wishes.isEmpty, let ticket = tickets[one] else { continue }
                model.line[place].wishes = wishes
                let step = slots.wait(
                    for: wishes.sorted().map { upstreams[$0] }, ticket, length: length,
                    wake: { woken.withLock { $0.append(one) } })
                for endpoint in wishes.sorted() { model.settle(at: endpoint) }
                if case .given(let endpoint, let load) = step {
                    #expect(load === upstreams[Int(endpoint.rawValue)].load)
                    #expect(model.running[one].map { EndpointID(UInt32($0)) } == endpoint)
                    tickets[one] = nil
                } else {
                    #expect(model.running[one] == nil)
                }
            }
            // Who was woken finds its place; some come to it late.
            for one in woken.withLock({ $0 }) where random.chance(70) {
                woken.withLock { $0.removeAll { $0 == one } }
                guard let ticket = tickets[one] else { continue }
                tickets[one] = nil
                #expect(slots.take(ticket)?.endpoint == model.running[one].map { EndpointID(UInt32($0)) })
            }
            for endpoint in limits.indices {
                #expect(upstreams[endpoint].load.requests == model.count(endpoint))
                #expect(model.count(endpoint) <= limits[endpoint])
                #expect(upstreams[endpoint].load.waiting == model.line.count { $0.wishes.contains(endpoint) })
            }
            #expect(slots.counts.waiting == model.line.count)
        }
    }

    /// It was given a place a moment before the endpoint left the routing table: that place is the next one's.
    @Test func aPlaceThatIsNotWantedAnyMoreIsGivenBack() throws {
        let (gone, left) = (try Self.upstream(1, limit: 1), try Self.upstream(2, limit: 1))
        let slots = EndpointSlots()
        #expect(slots.start(at: gone) && slots.start(at: left))
        var line = PlaceInLine()
        guard case .waits = line.wait(for: [gone, left], QueueRules(), now: .now(), in: slots, wake: {}) else {
            Issue.record("both are full")
            return
        }
        slots.ended(gone.load, at: gone.id)
        #expect(gone.load.requests == 1)
        guard case .waits = line.wait(for: [left], QueueRules(), now: .now(), in: slots, wake: {}) else {
            Issue.record("the other one is full still")
            return
        }
        #expect(gone.load.requests == 0 && slots.start(at: gone) && slots.counts.waiting == 1)
        slots.ended(left.load, at: left.id)
        #expect(line.take(now: .now(), from: slots)?.endpoint == left.id)
        #expect(slots.counts.waiting == 0 && left.load.requests == 1)
    }

    // MARK: Many threads

    /// A place that is given back on one thread while another begins to wait wakes it: none sleeps for ever.
    @Test func noWakeIsLostBetweenThreads() throws {
        let upstream = try Self.upstream(1, limit: 3)
        let slots = EndpointSlots()
        let most = Atomic<Int>(0)
        let served = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<2_000 {
                if !slots.start(at: upstream) {
                    let isThere = DispatchSemaphore(value: 0)
                    switch slots.wait(for: [upstream], nil, length: 8, wake: { isThere.signal() }) {
                    case .given: break
                    case .waits(let ticket):
                        isThere.wait()
                        #expect(slots.take(ticket) != nil)
                    case .isFull: Issue.record("there are eight threads")
                    }
                }
                most.max(upstream.load.requests, ordering: .relaxed)
                served.wrappingAdd(1, ordering: .relaxed)
                slots.ended(upstream.load, at: upstream.id)
            }
        }
        #expect(served.load(ordering: .relaxed) == 16_000)
        #expect(most.load(ordering: .relaxed) <= 3)
        #expect(upstream.load.requests == 0 && slots.counts.waiting == 0)
    }
}
