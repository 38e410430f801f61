internal import HeapModule
internal import NIOCore

/// Tasks that wait for their time, earliest first; those of the same moment in the order they were added.
///
/// Pure: the loop asks when it has to wake, and takes what is due then.
struct TimerQueue {
    typealias ID = UInt64

    private struct Entry: Comparable {
        let deadline: NIODeadline
        let id: ID

        static func < (left: Entry, right: Entry) -> Bool {
            (left.deadline, left.id) < (right.deadline, right.id)
        }
    }

    private struct Timer {
        let run: () -> Void
        let abandon: () -> Void
    }

    /// Cancelled entries stay until they come up, or until they are most of all.
    private var entries: Heap<Entry> = []
    private var timers: [ID: Timer] = [:]
    /// What `next` says. The loop asks in every turn and timers change rarely, so the answer is kept until one does.
    private var upcoming: NIODeadline?
    private var upcomingIsKnown = false

    var count: Int { timers.count }
    /// Cancelled ones included.
    var entryCount: Int { entries.count }

    /// - Parameters:
    ///   - id: rises from call to call
    ///   - abandon: is called instead of `run` when the loop ends first
    mutating func add(
        _ id: ID, at deadline: NIODeadline, run: @escaping () -> Void, abandon: @escaping () -> Void
    ) {
        upcomingIsKnown = false
        entries.insert(Entry(deadline: deadline, id: id))
        timers[id] = Timer(run: run, abandon: abandon)
    }

    mutating func cancel(_ id: ID) {
        upcomingIsKnown = false
        timers[id] = nil
        guard entries.count > 2 * timers.count + 64 else { return }
        entries = Heap(entries.unordered.filter { timers[$0.id] != nil })
    }

    /// When the next task is due.
    mutating func next() -> NIODeadline? {
        guard !upcomingIsKnown else { return upcoming }
        while let entry = entries.min, timers[entry.id] == nil { entries.removeMin() }
        upcoming = entries.min?.deadline
        upcomingIsKnown = true
        return upcoming
    }

    /// Removes and returns the earliest task whose time has come.
    mutating func takeDue(now: NIODeadline) -> (() -> Void)? {
        while let entry = entries.min, entry.deadline <= now {
            entries.removeMin()
            upcomingIsKnown = false
            if let timer = timers.removeValue(forKey: entry.id) { return timer.run }
        }
        return nil
    }

    /// Removes everything and returns what fails the promises of the tasks that will not run.
    mutating func removeAll() -> [() -> Void] {
        defer {
            upcomingIsKnown = false
            entries = []
            timers = [:]
        }
        return timers.values.map(\.abandon)
    }
}
