internal import Proxy

/// What has to be done outside the engine's state because of an event.
///
/// `EngineState` is pure: a method that takes in an event changes the state and returns this. `Engine` calls the method under its
/// lock and performs the effects after it has let go of the lock, so that nothing under the lock waits for a socket, a file, a
/// queue or another lock. The value is two words, and empty for nearly every request: it costs no allocation.
///
/// **Order.** Two threads may handle two events one after the other and perform their effects the other way round. Each effect is
/// made so that this does no harm:
///
/// - `routes` carries what it publishes, and a version that rises under the lock. The proxy keeps the table with the higher one.
/// - `writeLines`, `followSettings` and `setTimer` carry nothing. `Engine` takes what there is to do from the state when it performs
///   them; for the first two it holds a lock of their own meanwhile. So lines are written in the order in which the state
///   made them, and whoever comes last applies the newest settings.
/// - `markPersister` and `saveLearned` say that the state has changed already. The persister takes its snapshot later than the mark,
///   so it never misses a change; a mark that comes too late costs a flush that finds nothing to write.
/// - `signalReaders` and `writeRepeatsLater` only make somebody look, and a look too many finds nothing.
struct EngineEffects: Sendable {
    struct Tasks: OptionSet, Sendable {
        let rawValue: UInt8

        /// The order has changed, so it has to be saved in its time.
        static let markPersister = Tasks(rawValue: 1)
        /// An endpoint's answers taught a setting: save it now.
        static let saveLearned = Tasks(rawValue: 2)
        /// Bring proxy, persister and access log in line with `RunningSettings`.
        static let followSettings = Tasks(rawValue: 4)
        /// Call `EngineState.deadlineReached` at `EngineState.timerDeadline`, which is earlier than it was.
        static let setTimer = Tasks(rawValue: 8)
        /// Write `EngineState.takeLines` into the program's log.
        static let writeLines = Tasks(rawValue: 16)
        /// Call `EngineState.takeRepeats` after `EventLog.gap`.
        static let writeRepeatsLater = Tasks(rawValue: 32)
        /// Tell the readers of the event log that there is something new.
        static let signalReaders = Tasks(rawValue: 64)
    }

    var tasks: Tasks = []
    /// To be published to the proxy.
    var routes: RoutingTable?

    var isEmpty: Bool { tasks.isEmpty && routes == nil }
}
