internal import NIOCore

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
