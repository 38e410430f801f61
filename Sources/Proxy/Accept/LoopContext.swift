internal import HTTPWire
internal import NIOCore
internal import Ranking
internal import Sockets
internal import Support

/// What the connections of one event loop share: parsers, buffers, deadlines and the pools of idle connections.
///
/// Used on its event loop only.
final class LoopContext {
    let eventLoop: any EventLoop
    private let socketLoop: SocketLoop?
    let shared: SharedState
    /// Where to report what happens. Each loop has its own, so that a report costs no reference count that loops share.
    let events: ProxyEvents
    let receive: SharedReceiveBuffer
    let connectionAge: TimeAmount
    var requestHead = RequestHead()
    var responseHead = ResponseHead()
    /// Whose head `requestHead` holds.
    var requestHeadOwner: UInt64 = 0
    /// Whether the path of the head that was parsed last needs no second look (`RequestPath.isPlain`).
    var requestPathIsPlain = false
    /// Where that path ends in the head, where it has been looked for already.
    var requestPathEnd: Int?
    /// Bytes on their way out. Its storage is used again when the socket took everything at once.
    var output = ByteBuffer()
    var dataRanges: ContiguousArray<Range<Int>> = []
    /// For a body that is changed on its way: taken for each piece and given back when that has left.
    private var spare = ByteBuffer()
    var deadlines = DeadlineTable()
    /// When a client that has nothing of a held stream yet is to hear that something goes on. The slots are those of `deadlines`.
    var keepalives = DeadlineTable()
    var coalescing = WriteCoalescing()
    private var tickEnd: @Sendable () -> Void = {}
    private var coalesced: ContiguousArray<Unmanaged<SocketConnection>> = []

    /// The shared one as of `routingVersion`: looking for a newer one costs less than taking its lock.
    private(set) var routing: SharedState.Routing
    private var routingVersion: Int

    private var connections: ContiguousArray<ClientChannel?> = []
    private var heard: [OverloadHandler] = []
    /// Requests for which no endpoint could be asked when they looked last.
    private var parked: [ObjectIdentifier: RequestConnection] = [:]
    private var pools: [Int: IdleConnections] = [:]
    /// The pool that was asked last, which is nearly always the one that is asked next.
    private var recentPool: (key: Int, pool: IdleConnections)?
    private var sweptTable: RoutingTable
    private var sweep: RepeatedTask?
    private var serial: UInt64 = 0
    private var exploration = Exploration()
    /// Names of requests need to differ, not to be secret.
    private var requestIDs: SplitMix64
    private var date: (second: Int, text: [UInt8]) = (-1, [])
    private var whenEmpty: EventLoopPromise<Void>?

    /// An empty buffer, whose memory is used again where `giveBack` gets it.
    func takeSpare() -> ByteBuffer {
        var buffer = ByteBuffer()
        swap(&buffer, &spare)
        buffer.clear()
        return buffer
    }

    /// - Parameter buffer: of `takeSpare`; one that has become large is let go of
    func giveBack(_ buffer: consuming ByteBuffer) { if buffer.capacity <= 64 << 10 { spare = buffer } }

    init(eventLoop: any EventLoop, shared: SharedState, events: ProxyEvents, seed: UInt64) {
        self.eventLoop = eventLoop
        self.events = events
        socketLoop = eventLoop as? SocketLoop
        self.shared = shared
        receive = SharedReceiveBuffer(eventLoop: eventLoop)
        connectionAge = TimeAmount(shared.options.connectionAge)
        routingVersion = shared.version
        routing = shared.current
        sweptTable = routing.table
        requestIDs = SplitMix64(seed: seed)
        output.reserveCapacity(4096)
        let bound = NIOLoopBound(UnownedLoop(loop: self), eventLoop: eventLoop)
        tickEnd = { bound.value.loop.tickEnded() }
    }

    /// Before a request begins: takes the shared routing over where it has changed.
    func learnRouting() {
        let version = shared.version
        guard version != routingVersion else { return }
        routingVersion = version
        routing = shared.current
    }

    func startSweeping() {
        let interval = TimeAmount(shared.options.deadlineSweepInterval)
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        sweep = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            bound.value.sweepNow(NIODeadline.now())
        }
    }

    // MARK: Connections

    func register(_ connection: ClientChannel) -> DeadlineTable.Slot {
        let slot = deadlines.allocate()
        let same = keepalives.allocate()
        assert(slot == same)
        if slot == connections.count { connections.append(connection) } else { connections[slot] = connection }
        return slot
    }

    func unregister(_ slot: DeadlineTable.Slot) {
        deadlines.release(slot)
        keepalives.release(slot)
        connections[slot] = nil
        shared.connectionClosed()
        if let whenEmpty, connections.allSatisfy({ $0 == nil }) { whenEmpty.succeed() }
    }

    func nextSerial() -> UInt64 {
        serial += 1
        return serial
    }

    func nextRequestID() -> UInt64 {
        requestIDs.next()
    }

    /// Whether the next request looks at another endpoint than the order says, if it can.
    @inline(__always)
    func takesTurnToLook() -> Bool {
        let share = routing.sessions.explore
        return share > 0 && exploration.isTurn(share: share) { requestIDs.next() }
    }

    /// Before an endpoint is asked again that has just failed: what has failed for many at once must not be asked by all at once.
    func retryPause() -> TimeAmount {
        let range = routing.retryPause
        let span = UInt64(max(1, (range.upperBound - range.lowerBound).wholeNanoseconds))
        return .nanoseconds(range.lowerBound.wholeNanoseconds + Int64(requestIDs.next() % span))
    }

    /// The time of day as a Date field has it, made once a second.
    func dateText() -> [UInt8] {
        let second = WallClock.wholeSeconds
        if date.second != second { date = (second, Array(HTTPDate.text(unixTime: second).utf8)) }
        return date.text
    }

    func requestStarted() {
        coalescing.requestStarted()
        socketLoop?.moderation.requestStarted()
        shared.requestStarted()
        if let requestStarted = events.requestStarted { requestStarted() }
    }

    func requestFinished(_ report: RequestReport) {
        shared.requestFinished()
        events.requestFinished(report)
    }

    func requestEnded() {
        coalescing.requestEnded()
        socketLoop?.moderation.requestEnded()
    }

    // MARK: Clients without a place

    /// - Returns: whether the client may say what it wants. The one that has been heard longest makes room for it.
    func hear(_ client: OverloadHandler) -> Bool {
        if !shared.admitHeard() {
            guard let longest = heard.first else { return false }
            longest.turnAway()
            guard shared.admitHeard() else { return false }
        }
        heard.append(client)
        return true
    }

    func hearNoMore(_ client: OverloadHandler) {
        heard.removeAll { $0 === client }
        shared.heardEnded()
    }

    // MARK: Requests without an endpoint

    /// The request is told when there is a new routing table.
    func park(_ connection: RequestConnection) { parked[ObjectIdentifier(connection)] = connection }

    func unpark(_ connection: RequestConnection) {
        if !parked.isEmpty { parked[ObjectIdentifier(connection)] = nil }
    }

    private func wakeParked(now: NIODeadline) {
        learnRouting()
        for connection in Array(parked.values) { connection.routingMayHaveChanged(now: now) }
    }

    // MARK: Pools

    func takeIdle(_ url: UpstreamURL, now: NIODeadline) -> UpstreamConnection? {
        let pool = pool(url.poolKey)
        // What TLS has in hand cannot be seen from outside.
        let settledOnly = url.usesTLS && tellsTicks
        while let (connection, isSettled) = pool.connections.take(now: now, tick: tick, settledOnly: settledOnly) {
            if isSettled || !connection.hasSomethingToSay { return connection }
            connection.close()
        }
        return nil
    }

    private var tellsTicks: Bool {
        return socketLoop != nil
    }

    /// Always the same where the loop does not tell: then no connection has been looked at since.
    private var tick: UInt64 {
        if let socketLoop { return socketLoop.tick }
        return 0
    }

    /// Keeps the connection for the next request, or closes it where the endpoint has gone.
    func keepIdle(_ connection: UpstreamConnection, until expires: NIODeadline) {
        let pool = pool(connection.url.poolKey)
        guard !shared.isDraining, pool.connections.keep(connection, until: expires, tick: tick) else {
            connection.close()
            return
        }
    }

    func hasIdle(_ url: UpstreamURL) -> Bool { pool(url.poolKey).connections.count > 0 }

    func forget(_ connection: UpstreamConnection) {
        pools[connection.url.poolKey]?.connections.remove(connection)
    }

    /// Closes all that rest there: they lead nowhere any more.
    func closeIdle(to url: UpstreamURL) {
        for connection in pools[url.poolKey]?.connections.removeAll() ?? [] { connection.close() }
    }

    /// Closes idle connections, so that their descriptors can be used for others.
    ///
    /// - Returns: whether there were any
    func closeLongestIdle() -> Bool {
        let oldest = pools.values.compactMap { $0.connections.removeOldest() }
        for connection in oldest { connection.close() }
        return !oldest.isEmpty
    }

    private func pool(_ key: Int) -> IdleConnections {
        if let recentPool, recentPool.key == key { return recentPool.pool }
        let pool = pools[key] ?? IdleConnections()
        pools[key] = pool
        recentPool = (key, pool)
        return pool
    }

    // MARK: Time

    /// Its bytes leave when the loop has dealt with everything that has come.
    func flushAtEndOfTick(_ connection: SocketConnection) {
        guard coalescing.add(connection) else { return }
        eventLoop.execute(tickEnd)
    }

    private func tickEnded() {
        coalescing.takeAll(into: &coalesced)
        for connection in coalesced {
            connection._withUnsafeGuaranteedRef { $0.tickEnded() }
            connection.release()
        }
        coalesced.removeAll(keepingCapacity: true)
    }

    private func sweepNow(_ now: NIODeadline) {
        for slot in deadlines.expire(now: now) { connections[slot]?.deadlineExpired(now: now) }
        for slot in keepalives.expire(now: now) { connections[slot]?.keepaliveIsDue(now: now) }
        if !parked.isEmpty { wakeParked(now: now) }
        shared.sessions.expire(now: now, routing.sessions)
        for key in pools.keys {
            for connection in pools[key]?.connections.expire(now: now) ?? [] { connection.close() }
        }
        let table = shared.table
        guard table !== sweptTable else { return }
        sweptTable = table
        closeUnrouted(table)
    }

    /// Closes the idle connections of base URLs that the table no longer names.
    ///
    /// An endpoint that is merely out for a while loses its idle connections as well: they are stale by then.
    private func closeUnrouted(_ table: RoutingTable) {
        var routed: Set<Int> = []
        for candidate in table.candidates { routed.formUnion(candidate.upstream.poolKeys) }
        for key in pools.keys where !routed.contains(key) {
            for connection in pools[key]?.connections.removeAll() ?? [] { connection.close() }
            pools[key] = nil
        }
        recentPool = nil
    }

    // MARK: Stopping

    /// Closes what rests; the future completes when the last client has gone.
    func drain() -> EventLoopFuture<Void> {
        let promise = whenEmpty ?? eventLoop.makePromise(of: Void.self)
        whenEmpty = promise
        for key in pools.keys {
            for connection in pools[key]?.connections.removeAll() ?? [] { connection.close() }
        }
        let open = connections.compactMap { $0 }
        if open.isEmpty { promise.succeed() }
        for connection in open { connection.closeUnlessServed() }
        return promise.futureResult
    }

    /// Cuts off what is still running.
    func closeAll() {
        for connection in connections.compactMap({ $0 }) { connection.abort(.stopped) }
    }

    /// What runs now.
    func openRequests() -> [OpenRequest] {
        connections.compactMap { ($0 as? RequestConnection)?.openRequest }
    }

    /// - Returns: whether it ran
    func cancelRequest(_ serial: UInt64) -> Bool {
        connections.contains { ($0 as? RequestConnection)?.cancelRequest(serial) == true }
    }

    func finish() {
        sweep?.cancel()
        sweep = nil
    }
}

/// One pool, shared by name and by reference.
private final class IdleConnections {
    var connections = UpstreamPool<UpstreamConnection>()
}

/// Keeps the loop's own closure from holding it.
private struct UnownedLoop {
    unowned let loop: LoopContext
}

/// One deadline per connection in a flat array: arming is a store, the sweep walks a few cache lines.
///
/// A timer per request would cost 1 to 5 µs (`EventLoop.scheduleTask` and its cancellation).
struct DeadlineTable {
    typealias Slot = Int

    private static let never = UInt64.max
    private static let free = UInt64.max - 1

    private var deadlines: ContiguousArray<UInt64> = []
    private var freeSlots: ContiguousArray<Slot> = []

    var capacity: Int { deadlines.count }

    mutating func allocate() -> Slot {
        if let slot = freeSlots.popLast() {
            deadlines[slot] = Self.never
            return slot
        }
        deadlines.append(Self.never)
        return deadlines.count - 1
    }

    mutating func release(_ slot: Slot) {
        deadlines[slot] = Self.free
        freeSlots.append(slot)
    }

    mutating func arm(_ slot: Slot, at deadline: NIODeadline) {
        deadlines[slot] = min(deadline.uptimeNanoseconds, Self.free - 1)
    }

    /// Disarms and returns the slots whose time has come.
    mutating func expire(now: NIODeadline) -> [Slot] {
        var expired: [Slot] = []
        let limit = now.uptimeNanoseconds
        for slot in deadlines.indices where deadlines[slot] <= limit {
            deadlines[slot] = Self.never
            expired.append(slot)
        }
        return expired
    }
}

/// One large receive buffer for all connections of an event loop.
///
/// NIO keeps a buffer per channel otherwise. The buffer is lent for one read and comes back when the handler has
/// dealt with the bytes; where a slice of it is still waiting to be written, the next reader gets a new one.
final class SharedReceiveBuffer: Sendable {
    static let capacity = 64 * 1024

    private let lent: NIOLoopBoundBox<ByteBuffer>

    init(eventLoop: any EventLoop) {
        lent = NIOLoopBoundBox(ByteBuffer(), eventLoop: eventLoop)
    }

    func take() -> ByteBuffer {
        var buffer = ByteBuffer()
        swap(&buffer, &lent.value)
        if buffer.modifyIfUniquelyOwned({ $0.clear() }) == nil || buffer.capacity < Self.capacity {
            buffer = ByteBufferAllocator().buffer(capacity: Self.capacity)
        }
        return buffer
    }

    func reclaim(_ buffer: ByteBuffer) {
        if buffer.capacity >= Self.capacity { lent.value = buffer }
    }
}

/// Makes a channel read into the loop's shared buffer.
///
/// NIO keeps the first buffer an allocator hands out for the channel's whole life, so that one is small.
struct SharedReceiveAllocator: RecvByteBufferAllocator {
    private let shared: SharedReceiveBuffer
    private let firstCapacity: Int
    private var isFirst = true

    init(shared: SharedReceiveBuffer, firstCapacity: Int) {
        self.shared = shared
        self.firstCapacity = firstCapacity
    }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        isFirst ? allocator.buffer(capacity: firstCapacity) : shared.take()
    }

    mutating func record(actualReadBytes: Int) -> Bool {
        isFirst = false
        return true
    }
}

/// What has been read from a connection and could not be used yet: part of a head, or requests sent ahead.
///
/// Where everything that is read can be used at once, which is nearly always, nothing is copied here.
struct UnreadBytes: ~Copyable {
    private var bytes = ByteBuffer()

    var count: Int { bytes.readableBytes }

    mutating func append(_ buffer: ByteBuffer) { bytes.writeImmutableBuffer(buffer) }

    /// Keeps the rest of a buffer behind its first `used` bytes. It is copied, since the buffer goes back to the loop.
    mutating func keep(_ buffer: ByteBuffer, behind used: Int) {
        var rest = buffer
        rest.moveReaderIndex(forwardBy: used)
        bytes.clear()
        bytes.writeImmutableBuffer(rest)
    }

    mutating func take() -> ByteBuffer {
        var taken = ByteBuffer()
        swap(&taken, &bytes)
        return taken
    }

    /// Puts the rest of a buffer from `take` before what has come since.
    mutating func putBack(_ taken: consuming ByteBuffer, behind used: Int) {
        taken.moveReaderIndex(forwardBy: used)
        guard taken.readableBytes > 0 else { return }
        taken.discardReadBytes()
        if bytes.readableBytes > 0 { taken.writeImmutableBuffer(bytes) }
        bytes = taken
    }

    mutating func removeAll() {
        if bytes.capacity > 0 { bytes = ByteBuffer() }
    }

    func withUnsafeReadableBytes<T>(_ body: (UnsafeRawBufferPointer) -> T) -> T {
        bytes.withUnsafeReadableBytes(body)
    }
}
