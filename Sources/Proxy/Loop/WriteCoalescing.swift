internal import NIOCore

/// What leaves when the loop's tick ends, on all of its connections.
///
/// With hundreds of requests running, a tick of the loop reads from dozens of sockets. Answering each at once wakes the
/// other side for a few messages; answering them together lets it find many, which saves 3 % at 256 connections. With
/// fewer there is nothing to be saved, and waiting for the end of the tick would be a detour.
struct WriteCoalescing {
    /// From so many running requests on, messages leave together.
    private static let threshold = 96
    private static let spareLimit = 256
    private static let spareCapacityLimit = 16 * 1024

    private var connections: ContiguousArray<Unmanaged<SocketConnection>> = []
    private var spares: ContiguousArray<ByteBuffer> = []
    private(set) var areBundled = false
    private var running = 0

    mutating func requestStarted() {
        running += 1
        areBundled = running >= Self.threshold
    }

    mutating func requestEnded() {
        running -= 1
        areBundled = running >= Self.threshold
    }

    /// - Returns: whether it is the first one of this tick, so that the tick's end has to be awaited.
    mutating func add(_ connection: SocketConnection) -> Bool {
        connections.append(.passRetained(connection))
        return connections.count == 1
    }

    /// The connections to be told, retained; those added meanwhile come with the next call.
    mutating func takeAll(into taken: inout ContiguousArray<Unmanaged<SocketConnection>>) {
        swap(&taken, &connections)
    }

    /// Moves `output` into `coalesced` and leaves an empty buffer in its place.
    mutating func exchange(_ coalesced: inout ByteBuffer, _ output: inout ByteBuffer) {
        coalesced = spares.popLast() ?? ByteBuffer()
        swap(&coalesced, &output)
    }

    /// Keeps the storage of a buffer that has left.
    mutating func reclaim(_ spent: inout ByteBuffer) {
        var buffer = ByteBuffer()
        swap(&buffer, &spent)
        guard spares.count < Self.spareLimit, buffer.capacity <= Self.spareCapacityLimit else { return }
        buffer.clear()
        spares.append(buffer)
    }
}
