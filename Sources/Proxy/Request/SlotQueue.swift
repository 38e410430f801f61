internal import NIOCore
internal import Ranking
internal import Synchronization

/// The requests that wait for a place at an endpoint whose `max_in_flight` is reached, in the order in which they came.
///
/// There is one line for all endpoints: a request is given the first place that becomes free at any of those that it may ask. How many
/// requests run at an endpoint is not known here; the caller says it.
struct SlotQueue {
    /// A request's place in the line.
    typealias Ticket = UInt64

    /// An endpoint that a request may ask, and how many requests may run there.
    struct Wish: Equatable {
        let endpoint: EndpointID
        let limit: Int
    }

    private struct Waiter {
        let ticket: Ticket
        var wishes: [Wish]
    }

    /// By their tickets, which rise.
    private var waiters: [Waiter] = []
    /// How many of them would take a place at each endpoint: counted along, since the line may be long and is asked under a lock.
    private var wanted: [EndpointID: Int] = [:]
    /// Places that were given and not taken yet.
    private var given: [Ticket: EndpointID] = [:]
    private var lastTicket: Ticket = 0

    /// Requests in the line.
    var count: Int { waiters.count }
    /// No request waits, and each has taken what it was given.
    var isIdle: Bool { waiters.isEmpty && given.isEmpty }

    /// How many requests of the line would take a place there.
    func waiting(for endpoint: EndpointID) -> Int {
        wanted[endpoint] ?? 0
    }

    private mutating func count(_ wishes: [Wish], by step: Int) {
        for endpoint in Set(wishes.map(\.endpoint)) {
            let count = (wanted[endpoint] ?? 0) + step
            wanted[endpoint] = count == 0 ? nil : count
        }
    }

    /// Where a request stands in the line; nil where it does not.
    private func index(of ticket: Ticket) -> Int? {
        var (low, high) = (0, waiters.count)
        while low < high {
            let middle = (low + high) / 2
            if waiters[middle].ticket < ticket { low = middle + 1 } else { high = middle }
        }
        return low < waiters.count && waiters[low].ticket == ticket ? low : nil
    }

    /// Takes a place at the end of the line.
    ///
    /// - Parameter length: as many may wait
    /// - Returns: nil where the line is full
    mutating func join(_ wishes: [Wish], length: Int) -> Ticket? {
        guard waiters.count < length else { return nil }
        lastTicket += 1
        waiters.append(Waiter(ticket: lastTicket, wishes: wishes))
        count(wishes, by: 1)
        return lastTicket
    }

    /// A request may ask other endpoints than before, and keeps its place in the line.
    ///
    /// - Returns: false where it has none, since it was given a place at an endpoint
    mutating func change(_ ticket: Ticket, to wishes: [Wish]) -> Bool {
        guard let index = index(of: ticket) else { return false }
        count(waiters[index].wishes, by: -1)
        count(wishes, by: 1)
        waiters[index].wishes = wishes
        return true
    }

    /// Gives a place at the endpoint to the first request that wants one there, if there is room by what it knows of the limit.
    ///
    /// - Parameter running: requests at the endpoint, with those that have been given a place
    mutating func give(at endpoint: EndpointID, running: Int) -> Ticket? {
        guard wanted[endpoint] != nil else { return nil }
        for index in waiters.indices {
            guard let wish = waiters[index].wishes.first(where: { $0.endpoint == endpoint }) else { continue }
            // No request behind it may pass it, also where a newer setting would let more in.
            guard running < wish.limit else { return nil }
            let waiter = waiters.remove(at: index)
            count(waiter.wishes, by: -1)
            given[waiter.ticket] = endpoint
            return waiter.ticket
        }
        return nil
    }

    /// The request takes what it was given; nil where it was given nothing yet.
    mutating func take(_ ticket: Ticket) -> EndpointID? { given.removeValue(forKey: ticket) }

    /// The request waits no longer.
    ///
    /// - Returns: the endpoint at which it was given a place that it has not taken
    mutating func leave(_ ticket: Ticket) -> EndpointID? {
        if let index = index(of: ticket) { count(waiters.remove(at: index).wishes, by: -1) }
        return take(ticket)
    }
}

/// The places at endpoints with `max_in_flight`, which all event loops share.
///
/// An endpoint without a limit costs its requests one addition, as before there were limits. Where there is one, a place is taken under a
/// lock, so that no request passes one that waits; places are given back without it, as long as no request waits for the endpoint.
final class EndpointSlots: Sendable {
    private struct State {
        var queue = SlotQueue()
        /// Of the endpoints that are waited for.
        var loads: [EndpointID: EndpointLoad] = [:]
        var wakes: [SlotQueue.Ticket: @Sendable () -> Void] = [:]
        var counts = QueueCounts()
    }

    private let state = Mutex(State())

    /// Takes a place for a request that has not waited.
    ///
    /// - Returns: false where there is none, or where others wait for it
    @inline(__always)
    func start(at upstream: Upstream) -> Bool {
        if upstream.maxInFlight == 0 {
            upstream.load.attemptStarted()
            return true
        }
        return startLimited(at: upstream)
    }

    private func startLimited(at upstream: Upstream) -> Bool {
        state.withLock { _ in
            guard !upstream.load.isAwaited, upstream.load.requests < upstream.maxInFlight else { return false }
            upstream.load.attemptStarted()
            return true
        }
    }

    /// A request has ended there.
    @inline(__always)
    func ended(_ load: EndpointLoad, at endpoint: EndpointID) {
        load.attemptEnded()
        if load.isAwaited { givePlaces(at: endpoint) }
    }

    /// What becomes of a request that would wait.
    enum Waiting {
        /// It has a place, which counts already.
        case given(EndpointID, EndpointLoad)
        case waits(SlotQueue.Ticket)
        /// As many wait already as may.
        case isFull
    }

    /// Puts a request at the end of the line, or leaves it where it stands with other wishes.
    ///
    /// - Parameters:
    ///   - ticket: nil where it does not stand in the line yet
    ///   - wake: is called on any thread, once, when there is a place for it
    func wait(
        for upstreams: [Upstream], _ ticket: SlotQueue.Ticket?, length: Int, wake: @escaping @Sendable () -> Void
    ) -> Waiting {
        let wishes = upstreams.map { SlotQueue.Wish(endpoint: $0.id, limit: $0.maxInFlight) }
        let (waiting, wakes) = state.withLock { state -> (Waiting, [@Sendable () -> Void]) in
            let isNew = ticket == nil
            if let ticket, !state.queue.change(ticket, to: wishes) {
                // It was woken a moment ago, and has not come to it yet.
                guard let endpoint = state.queue.take(ticket), let load = state.loads[endpoint] else {
                    return (.isFull, [])
                }
                tellWaiting(&state)
                return (.given(endpoint, load), [])
            }
            guard let ticket = ticket ?? state.queue.join(wishes, length: length) else {
                state.counts.turnedAway += 1
                return (.isFull, [])
            }
            state.wakes[ticket] = nil
            for upstream in upstreams { state.loads[upstream.id] = upstream.load }
            tellWaiting(&state)
            // From here on each request that ends there looks here; those that ended before are counted now.
            var wakes: [@Sendable () -> Void] = []
            for upstream in upstreams { give(at: upstream.id, &wakes, &state) }
            if let endpoint = state.queue.take(ticket), let load = state.loads[endpoint] {
                tellWaiting(&state)
                return (.given(endpoint, load), wakes)
            }
            state.wakes[ticket] = wake
            if isNew { state.counts.queued += 1 }
            return (.waits(ticket), wakes)
        }
        for wake in wakes { wake() }
        return waiting
    }

    /// The endpoint at which the request was given a place; nil where it waits still.
    func take(_ ticket: SlotQueue.Ticket) -> (endpoint: EndpointID, load: EndpointLoad)? {
        state.withLock { state in
            guard let endpoint = state.queue.take(ticket), let load = state.loads[endpoint] else { return nil }
            tellWaiting(&state)
            return (endpoint, load)
        }
    }

    /// The request waits no longer; a place that it was given goes to the next.
    ///
    /// - Parameter isExpired: it has waited for as long as it may
    func leave(_ ticket: SlotQueue.Ticket, isExpired: Bool = false) {
        let wakes = state.withLock { state -> [@Sendable () -> Void] in
            let load = state.queue.leave(ticket).map { ($0, state.loads[$0]) }
            state.wakes[ticket] = nil
            if isExpired { state.counts.expired += 1 }
            var wakes: [@Sendable () -> Void] = []
            if let (endpoint, load) = load {
                load?.attemptEnded()
                give(at: endpoint, &wakes, &state)
            }
            tellWaiting(&state)
            return wakes
        }
        for wake in wakes { wake() }
    }

    private func givePlaces(at endpoint: EndpointID) {
        let wakes = state.withLock { state in
            var wakes: [@Sendable () -> Void] = []
            give(at: endpoint, &wakes, &state)
            return wakes
        }
        for wake in wakes { wake() }
    }

    private func give(at endpoint: EndpointID, _ wakes: inout [@Sendable () -> Void], _ state: inout State) {
        guard let load = state.loads[endpoint] else { return }
        var isChanged = false
        while let ticket = state.queue.give(at: endpoint, running: load.requests) {
            load.attemptStarted()
            isChanged = true
            if let wake = state.wakes.removeValue(forKey: ticket) { wakes.append(wake) }
        }
        // The requests that have left the line may have waited for others too.
        if isChanged { tellWaiting(&state) }
    }

    /// Tells the endpoints how many wait for them.
    private func tellWaiting(_ state: inout State) {
        for (endpoint, load) in state.loads { load.setWaiting(state.queue.waiting(for: endpoint)) }
        if state.queue.isIdle { state.loads = [:] }
    }

    /// Requests that wait now, and what became of others.
    var counts: QueueCounts {
        state.withLock { state in
            state.counts.waiting = state.queue.count
            return state.counts
        }
    }
}

/// The place of one request in the line, and how long it has waited there.
struct PlaceInLine {
    private var ticket: SlotQueue.Ticket?
    /// When it began to wait, and until when it may.
    private var span: (from: NIODeadline, until: NIODeadline)?
    /// How long it has waited; nil where it has not.
    private(set) var time: Duration?

    /// Whether it waits now, or has been given a place that it has not taken.
    @inline(__always)
    var isEntered: Bool { ticket != nil }
    @inline(__always)
    var hasWaited: Bool { span != nil }

    enum Step {
        case given(Upstream)
        case waits(until: NIODeadline)
        /// It has waited long enough, or as many wait already as may.
        case none
    }

    /// Enters the line, or stays where it stands in it.
    ///
    /// - Parameter wake: see `EndpointSlots.wait`
    mutating func wait(
        for targets: [Upstream], _ rules: QueueRules, now: NIODeadline, in slots: EndpointSlots,
        wake: @escaping @Sendable () -> Void
    ) -> Step {
        let until = span?.until ?? now + TimeAmount(rules.wait)
        guard now < until, !targets.isEmpty else {
            leave(slots, now: now, isExpired: now >= until)
            return .none
        }
        switch slots.wait(for: targets, ticket, length: rules.length, wake: wake) {
        case .given(let endpoint, let load):
            if ticket != nil { ended(now: now) }
            ticket = nil
            guard let target = targets.first(where: { $0.id == endpoint }) else {
                // It was given where it does not want to be any more: others get that place, and it waits for those that it wants now.
                slots.ended(load, at: endpoint)
                return wait(for: targets, rules, now: now, in: slots, wake: wake)
            }
            return .given(target)
        case .waits(let ticket):
            self.ticket = ticket
            span = span ?? (now, until)
            return .waits(until: until)
        case .isFull:
            ticket = nil
            return .none
        }
    }

    /// - Returns: the endpoint at which it was given a place, which it has from now on
    mutating func take(now: NIODeadline, from slots: EndpointSlots) -> (endpoint: EndpointID, load: EndpointLoad)? {
        guard let ticket, let given = slots.take(ticket) else { return nil }
        self.ticket = nil
        ended(now: now)
        return given
    }

    mutating func leave(_ slots: EndpointSlots, now: NIODeadline, isExpired: Bool = false) {
        guard let ticket else { return }
        slots.leave(ticket, isExpired: isExpired)
        self.ticket = nil
        ended(now: now)
    }

    private mutating func ended(now: NIODeadline) {
        if let span { time = Duration(now - span.from) }
    }
}

/// What the line of requests for endpoints that are full has seen.
public struct QueueCounts: Sendable, Equatable {
    /// Requests that wait now.
    public var waiting = 0
    /// Requests that have waited, since the start.
    public var queued = 0
    /// Those that were refused since as many waited already as may.
    public var turnedAway = 0
    /// Those that waited in vain.
    public var expired = 0

    /// Nothing yet.
    public init() {}
}

/// How many requests may wait for endpoints that are full, and for how long.
public struct QueueRules: Sendable, Equatable {
    /// 0: none waits.
    public var length = 16
    /// Then the client is told.
    public var wait = Duration.seconds(10)

    /// The defaults of `failover.queue`.
    public init(length: Int = 16, wait: Duration = .seconds(10)) {
        self.length = length
        self.wait = wait
    }
}
