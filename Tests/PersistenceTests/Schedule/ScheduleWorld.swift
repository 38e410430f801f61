import Configuration
import PodiumModel
import TestSupport

@testable import Persistence

/// Runs a schedule in virtual time against writes that take a random time and fail at random, and keeps its own book of
/// what is saved, from which the promises are checked after every event.
struct ScheduleWorld {
    struct Start: Equatable {
        var at: Duration
        var write: FlushSchedule.Write
        var automatic: Bool
    }

    struct Promise {
        var asked: Duration
        var write: UInt64
    }

    let origin = ContinuousClock.now
    var now = Duration.zero
    var schedule: FlushSchedule
    var random: SeededRandom
    var failureRate = 0.0
    var longestWrite = Duration.milliseconds(50)

    private(set) var starts: [Start] = []
    private(set) var broken: [String] = []
    private(set) var alarms = 0
    private(set) var alarmEnds = 0
    private(set) var longestWait = Duration.zero
    private var markTimes: [Duration] = []
    private var savedMarks = 0
    private var inFlight: (write: FlushSchedule.Write, marks: Int, ends: Duration, fails: Bool)?
    private var promises: [Promise] = []
    private var lastFailed = false
    private(set) var answered = 0

    init(_ settings: FlushSchedule.Settings, seed: UInt64) {
        schedule = FlushSchedule(settings: settings)
        random = SeededRandom(seed: seed)
    }

    var instant: ContinuousClock.Instant { origin + now }
    var unsaved: Int { markTimes.count - savedMarks }
    var isWriting: Bool { inFlight != nil }

    mutating func mark() {
        markTimes.append(now)
        perform(schedule.mark(now: instant))
    }

    mutating func request(_ trigger: FlushTrigger) {
        let (write, actions) = schedule.request(trigger, now: instant)
        promises.append(Promise(asked: now, write: write))
        perform(actions)
    }

    /// Lets time pass until `target`, timers and ends of writes in their order.
    mutating func advance(to target: Duration) {
        while true {
            let timer = schedule.timerDeadline.map { $0 - origin }
            let end = inFlight?.ends
            guard let next = [timer, end].compactMap({ $0 }).min(), next <= target else { break }
            now = max(now, next)
            if let end, end == next { finish() } else { perform(schedule.timerFired(now: instant)) }
        }
        now = target
    }

    /// Ends the write in flight with a given result.
    mutating func finish(_ outcome: FlushSchedule.Outcome? = nil) {
        guard let write = inFlight else { return }
        inFlight = nil
        let failed = outcome.map { $0 != .saved } ?? write.fails
        lastFailed = failed
        if !failed {
            if write.marks > savedMarks {
                longestWait = max(longestWait, write.write.started - origin - markTimes[savedMarks])
            }
            savedMarks = max(savedMarks, write.marks)
        }
        let due = promises.filter { $0.write == write.write.number }
        promises.removeAll { $0.write == write.write.number }
        answered += due.count
        for promise in due where origin + promise.asked > write.write.started {
            broken.append("a caller at \(promise.asked) was answered by a write that had started before")
        }
        for promise in promises where promise.write < write.write.number {
            broken.append("a caller was forgotten: write \(promise.write)")
        }
        perform(
            schedule.finished(
                outcome ?? (write.fails ? .failed(unsaved: write.write.generation > schedule.savedGeneration) : .saved),
                now: instant,
                random: random.unit()))
    }

    private mutating func perform(_ actions: [FlushSchedule.Action]) {
        for action in actions {
            switch action {
            case .start(let write): start(write)
            case .rearm: break
            case .raiseAlarm: alarms += 1
            case .endAlarm: alarmEnds += 1
            }
        }
        check()
    }

    private mutating func start(_ write: FlushSchedule.Write) {
        if inFlight != nil { broken.append("two writes in flight") }
        let automatic = [.interval, .settled, .maxDirty].contains(write.trigger)
        if automatic, schedule.settings.strategy != .immediate, let last = starts.last(where: \.automatic),
            now - last.at < schedule.settings.flushInterval
        {
            broken.append("automatic writes at \(last.at) and \(now)")
        }
        starts.append(Start(at: now, write: write, automatic: automatic))
        let takes = longestWrite * random.unit()
        inFlight = (write, markTimes.count, now + takes, random.unit() < failureRate)
    }

    private mutating func check() {
        guard inFlight == nil, unsaved > 0 else { return }
        guard let next = schedule.nextFlush else {
            broken.append("dirty at \(now) without a deadline")
            return
        }
        let settings = schedule.settings
        let bound = settings.strategy == .batched ? settings.maxDirtyTime : settings.flushInterval
        let deadline = next.deadline - origin
        if !lastFailed, deadline > markTimes[savedMarks] + bound {
            broken.append("a mark at \(markTimes[savedMarks]) would wait until \(deadline)")
        }
        if lastFailed, deadline > now + Backoff.longest { broken.append("a retry later than the longest backoff") }
    }
}

extension SeededRandom {
    /// 0 ≤ x < 1.
    mutating func unit() -> Double {
        Double.random(in: 0..<1, using: &self)
    }
}
