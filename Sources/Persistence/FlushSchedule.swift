import Configuration
import PodiumModel

/// Decides when the file is written. Pure: state, event and time in, actions out.
///
/// At most one write is in flight. Marks that arrive meanwhile belong to the next one, and so do callers that ask for
/// a flush. A failed write changes nothing but the time of the next attempt.
struct FlushSchedule: Sendable {
    struct Settings: Sendable, Equatable {
        var strategy: PersistStrategy
        var flushInterval: Duration
        var maxDirtyTime: Duration
    }

    /// One run of the write protocol. It saves every mark up to `generation`.
    struct Write: Sendable, Equatable {
        var number: UInt64
        var trigger: FlushTrigger
        var generation: UInt64
        var started: ContinuousClock.Instant
    }

    enum Action: Sendable, Equatable {
        case start(Write)
        /// ``timerDeadline`` may have become earlier.
        case rearm
        case raiseAlarm(since: ContinuousClock.Instant)
        case endAlarm
    }

    enum Outcome: Sendable, Equatable {
        case saved
        /// `unsaved`: memory was seen to differ from the file, even if nothing was marked.
        case failed(unsaved: Bool)
    }

    /// A write that started on time may still be running when the changes reach the maximum dirty time; that is no
    /// reason for an alarm yet.
    static let alarmGrace = Duration.seconds(1)

    private(set) var settings: Settings
    private(set) var marks: UInt64 = 0
    /// Operators' changes and learned settings; they raise the generation as marks do.
    private var askedChanges: UInt64 = 0
    /// Marks that found nothing unsaved, or nothing that the write in flight does not save.
    private var firstMarks: UInt64 = 0
    /// The next mark joins others that wait for the same write.
    private var joins = false
    private(set) var savedGeneration: UInt64 = 0
    private(set) var inFlight: Write?
    private(set) var failures = 0
    private(set) var alarmed = false
    /// The first change that is not on disk, one in flight included.
    private(set) var dirtySince: ContinuousClock.Instant?
    /// The first change that the write in flight does not save.
    private var firstSinceStart: ContinuousClock.Instant?
    private var lastMark: ContinuousClock.Instant?
    private var retryAt: ContinuousClock.Instant?
    private var requested: FlushTrigger?
    private var lastNumber: UInt64 = 0

    init(settings: Settings) {
        self.settings = settings
    }

    // MARK: Events

    /// One automatic change. False if it is the first that waits for the next write: then ``firstMark(now:)`` has to follow.
    @inline(__always)
    mutating func join(now: ContinuousClock.Instant) -> Bool {
        marks &+= 1
        lastMark = now
        return joins
    }

    /// The rest of a mark that had none to join.
    mutating func firstMark(now: ContinuousClock.Instant) -> [Action] {
        firstMarks &+= 1
        joins = true
        if inFlight != nil {
            firstSinceStart = now
            if dirtySince == nil { dirtySince = now }
            return []
        }
        dirtySince = now
        return startIfDue(now: now) + [.rearm]
    }

    mutating func mark(now: ContinuousClock.Instant) -> [Action] {
        join(now: now) ? [] : firstMark(now: now)
    }

    /// Everything is to be saved now, by command or at the end. Returns the number of the write that will do it.
    mutating func request(_ trigger: FlushTrigger, now: ContinuousClock.Instant) -> (write: UInt64, actions: [Action]) {
        if trigger == .operator || trigger == .learned { askedChanges &+= 1 }
        if let inFlight {
            if requested == nil || trigger == .shutdown { requested = trigger }
            return (inFlight.number + 1, [])
        }
        let write = begin(trigger, now: now)
        return (write.number, [.start(write)])
    }

    mutating func timerFired(now: ContinuousClock.Instant) -> [Action] {
        var actions: [Action] = []
        if let dirtySince, let due = alarmDeadline, due <= now {
            alarmed = true
            actions.append(.raiseAlarm(since: dirtySince))
        }
        return actions + startIfDue(now: now) + [.rearm]
    }

    /// The write in flight ended. `random` in 0..<1 spreads retries.
    mutating func finished(_ outcome: Outcome, now: ContinuousClock.Instant, random: Double) -> [Action] {
        guard let write = inFlight else { return [] }
        inFlight = nil
        var actions: [Action] = []
        switch outcome {
        case .saved:
            savedGeneration = write.generation
            failures = 0
            retryAt = nil
            dirtySince = firstSinceStart
            if alarmed {
                alarmed = false
                actions.append(.endAlarm)
            }
        case .failed(let unsaved):
            failures += 1
            if unsaved { dirtySince = min(dirtySince ?? write.started, write.started) }
            retryAt = dirtySince == nil ? nil : now + Backoff.delay(afterFailures: failures, random: random)
        }
        firstSinceStart = nil
        joins = dirtySince != nil
        if let trigger = requested {
            requested = nil
            actions.append(.start(begin(trigger, now: now)))
        } else {
            actions += startIfDue(now: now)
        }
        return actions + [.rearm]
    }

    /// What made the last write fail may be gone: the next attempt need not wait.
    mutating func obstacleMayBeGone(now: ContinuousClock.Instant) -> [Action] {
        guard retryAt != nil, inFlight == nil else { return [] }
        retryAt = now
        return startIfDue(now: now) + [.rearm]
    }

    mutating func update(_ settings: Settings, now: ContinuousClock.Instant) -> [Action] {
        self.settings = settings
        return startIfDue(now: now) + [.rearm]
    }

    // MARK: Counts

    /// Raised by each change.
    var generation: UInt64 { marks &+ askedChanges }

    /// Marks that joined an already dirty state.
    var coalesced: UInt64 { marks &- firstMarks }

    // MARK: Deadlines

    /// The next flush that comes by itself; nil while one is in flight or everything is saved.
    var nextFlush: (deadline: ContinuousClock.Instant, trigger: FlushTrigger)? {
        guard inFlight == nil, let first = dirtySince else { return nil }
        if let retryAt { return (retryAt, .retry) }
        switch settings.strategy {
        case .immediate: return (first, .interval)
        case .throttled: return (first + settings.flushInterval, .interval)
        case .batched:
            let settled = max(lastMark ?? first, first) + settings.flushInterval
            let bound = first + settings.maxDirtyTime
            return settled <= bound ? (settled, .settled) : (bound, .maxDirty)
        }
    }

    /// When unsaved changes are older than allowed.
    var maxDirtyDeadline: ContinuousClock.Instant? {
        dirtySince.map { $0 + settings.maxDirtyTime }
    }

    /// The one instant at which ``timerFired(now:)`` has to be called next.
    var timerDeadline: ContinuousClock.Instant? {
        guard let flush = nextFlush?.deadline else { return alarmDeadline }
        return alarmDeadline.map { min($0, flush) } ?? flush
    }

    private var alarmDeadline: ContinuousClock.Instant? {
        guard !alarmed, let maxDirtyDeadline else { return nil }
        return failures > 0 ? maxDirtyDeadline : maxDirtyDeadline + Self.alarmGrace
    }

    // MARK: Steps

    private mutating func startIfDue(now: ContinuousClock.Instant) -> [Action] {
        guard let next = nextFlush, next.deadline <= now else { return [] }
        return [.start(begin(next.trigger, now: now))]
    }

    private mutating func begin(_ trigger: FlushTrigger, now: ContinuousClock.Instant) -> Write {
        lastNumber += 1
        let write = Write(number: lastNumber, trigger: trigger, generation: generation, started: now)
        inFlight = write
        firstSinceStart = nil
        joins = false
        return write
    }
}

/// The wait before a failed write is tried again: 1, 2, 4 … 60 seconds, each shortened by up to a fifth at random so that
/// many processes on one full disk do not try in step.
enum Backoff {
    static let first = Duration.seconds(1)
    static let longest = Duration.seconds(60)

    static func delay(afterFailures failures: Int, random: Double) -> Duration {
        // 1 << 6 seconds is past the longest already.
        let doubled = first * (1 << min(max(failures, 1) - 1, 6))
        return min(doubled, longest) * (1 - 0.2 * min(max(random, 0), 1))
    }
}
