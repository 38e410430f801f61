internal import PodiumModel
internal import PureSupport

/// Something an operator may want to know of.
struct LoggedEvent: Sendable, Equatable, Identifiable {
    /// Rises with everything that is logged; that of the last time where it happened several times.
    var id: UInt64
    /// Seconds since 1970, of the last time.
    var time: Double
    /// How much it matters.
    let level: EventLevel
    /// What brought it about.
    let kind: EventKind
    /// `proxy`, `ranking`, `endpoint`, `config`, `persist`, `service` or `control`; of an operator's command the way by
    /// which it came: `console`, `cli` or `api`.
    let source: String
    /// The endpoint that it concerns, if it is one.
    let endpoint: String?
    /// One line in plain words, of the last time: the request and the client are other ones each time.
    var text: String
    /// How often it happened.
    var count: UInt64 = 1
    /// The id of the first time, which stays the same.
    let firstID: UInt64
    /// Seconds since 1970, of the first time.
    let firstTime: Double
}

/// The last events. What repeats is folded into one with a count, and the log that is written out gets a word on it at most
/// every ten seconds: thousands of bad requests a second neither empty this log nor fill a disk.
///
/// Under the engine's lock: an event costs one look into a dictionary and a few links, whatever is kept.
struct EventLog: Sendable {
    static let capacity = EventRetention.total
    /// What happens again within this time is the same event.
    static let window = 600.0
    /// Seconds between two lines about the same event in the log that is written out.
    static let gap = 10.0
    private static let mostEvictions = 4_096

    /// A line for the log that is written out.
    struct Line: Equatable {
        var level: EventLevel
        var source: String
        var endpoint: String?
        var text: String
    }

    private struct Key: Hashable {
        var level: EventLevel
        var kind: EventKind
        var source: String
        var endpoint: String?
        var text: String
    }

    private struct Subject: Hashable {
        var source: String
        var endpoint: String?
    }

    private struct Place: Hashable {
        var shelf: Int
        var slot: Int
    }

    fileprivate struct Slot {
        var event: LoggedEvent
        /// What the events that are the same have in common.
        var fold: String
        /// When the log that is written out was told last, and how often it happened since.
        var writtenAt: Double
        var unwritten: UInt64 = 0
    }

    private var shelves = EventRetention.allCases.map { EventShelf(capacity: $0.capacity) }
    private var places: [Key: Place] = [:]
    /// The last change of each subject: a change is the same as the one before only if nothing lies between them.
    private var latest: [Subject: UInt64] = [:]
    private var evictions: [UInt64] = []
    private(set) var evicted: UInt64 = 0
    private var held = 0
    /// How many there were since start, repeated ones included.
    private(set) var total: UInt64 = 0

    struct Appended {
        var event: LoggedEvent
        /// What the log that is written out is told now.
        var lines: [Line] = []
        /// Something was kept back from it, the first thing since `takeRepeats`, which has to be called after `gap`.
        var holdsFirst = false
    }

    /// - Parameter fold: What events that are the same have in common, where their texts differ in the request or the client.
    mutating func append(
        _ level: EventLevel, source: String, endpoint: String? = nil, _ text: String, kind: EventKind = .change,
        fold: String? = nil, time: Double
    ) -> Appended {
        total += 1
        let key = Key(level: level, kind: kind, source: source, endpoint: endpoint, text: fold ?? text)
        let subject = Subject(source: source, endpoint: endpoint)
        let before = kind == .change ? latest.updateValue(total, forKey: subject) ?? 0 : nil
        if let place = places[key],
            let appended = shelves[place.shelf].repeated(
                place.slot, id: total, text: text, time: time, onlyAfter: before, held: &held)
        {
            return appended
        }
        let event = LoggedEvent(
            id: total, time: time, level: level, kind: kind, source: source, endpoint: endpoint, text: text,
            firstID: total, firstTime: time)
        var appended = Appended(
            event: event, lines: [Line(level: level, source: source, endpoint: endpoint, text: text)])
        let shelf = EventRetention(level: level, kind: kind).rawValue
        let (slot, old) = shelves[shelf].add(Slot(event: event, fold: key.text, writtenAt: time))
        if let old { forget(old, at: Place(shelf: shelf, slot: slot), time: time, &appended.lines) }
        places[key] = Place(shelf: shelf, slot: slot)
        return appended
    }

    private mutating func forget(_ old: Slot, at place: Place, time: Double, _ lines: inout [Line]) {
        let event = old.event
        let key = Key(
            level: event.level, kind: event.kind, source: event.source, endpoint: event.endpoint, text: old.fold)
        if places[key] == place { places[key] = nil }
        let subject = Subject(source: event.source, endpoint: event.endpoint)
        if latest[subject] == event.id { latest[subject] = nil }
        if old.unwritten > 0 {
            held -= 1
            lines.append(old.line(at: time))
        }
        if evictions.count < Self.mostEvictions {
            evictions.append(event.id)
        } else {
            evictions[Int(evicted % UInt64(Self.mostEvictions))] = event.id
        }
        evicted += 1
    }

    /// What was kept back and is due for the log that is written out; `isLast` gives all of it.
    ///
    /// - Returns: The lines, and whether there is more, so that this has to be called again after `gap`.
    mutating func takeRepeats(isLast: Bool = false, time: Double) -> (lines: [Line], hasMore: Bool) {
        guard held > 0 else { return ([], false) }
        var lines: [Line] = []
        for shelf in shelves.indices {
            lines += shelves[shelf].takeRepeats(isLast: isLast, time: time, held: &held)
        }
        return (lines, held > 0)
    }

    /// At most `limit` of the newest that happened, or happened again, after an id, oldest first.
    func after(_ id: UInt64, limit: Int) -> [LoggedEvent] {
        guard limit > 0, id < total else { return [] }
        let events = shelves.flatMap { $0.after(id) }.sorted { $0.id < $1.id }
        return Array(events.suffix(limit))
    }

    /// The same, all of them, for what outlives the process: of traffic what the events that are the same have in common, and not the client
    /// of the last one.
    func lasting(after id: UInt64) -> [LoggedEvent] {
        guard id < total else { return [] }
        return shelves.flatMap { $0.after(id, isLasting: true) }.sorted { $0.id < $1.id }
    }

    /// How many events that happened after an id have been dropped since `evicted` was `count`.
    func missed(after id: UInt64, since count: UInt64) -> UInt64 {
        let known = evicted - min(evicted, UInt64(evictions.count))
        var missed: UInt64 = 0
        var oldest = UInt64.max
        for number in max(count, known)..<max(count, evicted) {
            let dropped = evictions[Int(number % UInt64(Self.mostEvictions))]
            oldest = min(oldest, dropped)
            if dropped > id { missed += 1 }
        }
        // Of those before, only how many they were is known.
        if count < known, oldest > id { missed += min(known - count, oldest - id - 1) }
        return missed
    }
}

/// The events of one part, in a list by the last time that they happened.
private struct EventShelf: Sendable {
    private let capacity: Int
    private var slots: [EventLog.Slot] = []
    private var recency = RecencyList()

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// - Returns: Where it is, and what had to go for it.
    mutating func add(_ slot: EventLog.Slot) -> (index: Int, old: EventLog.Slot?) {
        guard slots.count == capacity, let index = recency.oldest else {
            slots.append(slot)
            recency.insert(slots.count - 1)
            return (slots.count - 1, nil)
        }
        let old = slots[index]
        slots[index] = slot
        recency.use(index)
        return (index, old)
    }

    /// Counts an event that happened again; nil if that is to be an event of its own.
    ///
    /// - Parameter onlyAfter: Counted only if this id was the last of it.
    mutating func repeated(
        _ index: Int, id: UInt64, text: String, time: Double, onlyAfter: UInt64?, held: inout Int
    ) -> EventLog.Appended? {
        let before = slots[index].event
        guard time - before.time <= EventLog.window, onlyAfter.map({ $0 == before.id }) ?? true else { return nil }
        slots[index].event.id = id
        slots[index].event.time = time
        slots[index].event.text = text
        slots[index].event.count += 1
        recency.use(index)
        slots[index].unwritten += 1
        var appended = EventLog.Appended(event: slots[index].event)
        let since = time - slots[index].writtenAt
        if since >= EventLog.gap || since < 0 {
            if slots[index].unwritten > 1 { held -= 1 }
            appended.lines = [slots[index].line(at: time)]
            slots[index].wrote(at: time)
        } else if slots[index].unwritten == 1 {
            held += 1
            appended.holdsFirst = held == 1
        }
        return appended
    }

    mutating func takeRepeats(isLast: Bool, time: Double, held: inout Int) -> [EventLog.Line] {
        var lines: [EventLog.Line] = []
        for index in slots.indices where slots[index].unwritten > 0 {
            let since = time - slots[index].writtenAt
            guard isLast || since >= EventLog.gap || since < 0 else { continue }
            lines.append(slots[index].line(at: time))
            slots[index].wrote(at: time)
            held -= 1
        }
        return lines
    }

    /// Newest first.
    func after(_ id: UInt64, isLasting: Bool = false) -> [LoggedEvent] {
        var events: [LoggedEvent] = []
        var next = recency.newest
        while let index = next, slots[index].event.id > id {
            events.append(slots[index].event)
            if isLasting, slots[index].event.kind == .traffic {
                events[events.count - 1].text = slots[index].fold
            }
            next = recency.older(than: index)
        }
        return events
    }
}

extension EventLog.Slot {
    /// Told in full where it is alone, else by the last one and how many there were.
    fileprivate func line(at time: Double) -> EventLog.Line {
        let elapsed = Duration.seconds(max(0, min(time - writtenAt, 1e9)))
        let more =
            unwritten > 1 || elapsed < .seconds(EventLog.gap) ? " (\(unwritten) more in \(elapsed.shortText))" : ""
        return EventLog.Line(
            level: event.level, source: event.source, endpoint: event.endpoint, text: event.text + more)
    }

    fileprivate mutating func wrote(at time: Double) {
        writtenAt = time
        unwritten = 0
    }
}
