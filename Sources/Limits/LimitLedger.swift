/// What was used of an endpoint's limits, and whether it may be asked.
///
/// A value without a clock: `wall` is the time of day in seconds since 1970, by which days and months go; `steady` counts seconds that no
/// setting of the clock moves, by which minutes go. Requests are counted when they begin, so that none is one too many; tokens and costs are known when
/// an answer has ended, so that a limit of these is passed by what was running when it was reached.
public struct LimitLedger: Sendable, Equatable {
    /// A time for which something is counted.
    public struct Window: Sendable, Equatable {
        /// In seconds since 1970.
        public var start: Int64
        /// From then on something else is counted.
        public var end: Int64
        /// Tokens, or picos of the currency.
        public var used: Int64

        /// All parts given.
        public init(start: Int64, end: Int64, used: Int64) {
            (self.start, self.end, self.used) = (start, end, used)
        }

        fileprivate mutating func add(_ amount: Int64) { used = used.addingClamped(max(0, amount)) }
    }

    /// What an endpoint is limited by.
    public enum Kind: String, Sendable, CaseIterable {
        case requestsPerMinute = "requests_per_minute"
        case tokensPerMinute = "tokens_per_minute"
        case tokensPerDay = "tokens_per_day"
        case spend
    }

    /// A limit that is used up.
    public struct Refusal: Sendable, Equatable {
        public var kind: Kind
        /// When there is something left again, in seconds since 1970.
        public var until: Int64
    }

    /// How far one limit is used.
    public struct Reading: Sendable, Equatable {
        public var kind: Kind
        public var used: Int64
        /// As it is set, with the reserve.
        public var limit: Int64
        /// How much of it may be used.
        public var usable: Int64
        /// When the count begins anew; of a minute, when the oldest of it is over.
        public var until: Int64
        /// Nothing may be asked until then.
        public var isReached: Bool
    }

    private static let fiveHours: Int64 = 5 * 3_600

    private var requests = LastMinute()
    private var tokens = LastMinute()
    public private(set) var day: Window?
    public private(set) var spend: Window?

    /// Nothing was used.
    public init() {}

    // MARK: Counting

    /// Whether a request may begin now, which counts it.
    public mutating func admit(
        _ rules: LimitRules, _ zone: ZoneRules, wall: Int64, steady: Int64
    ) -> Refusal? {
        if let refusal = refusal(rules, zone, wall: wall, steady: steady) { return refusal }
        if rules.requestsPerMinute != nil { requests.add(1, at: steady) }
        return nil
    }

    /// A request that `admit` has counted did not begin after all.
    public mutating func withdraw(_ rules: LimitRules, steady: Int64) {
        if rules.requestsPerMinute != nil { requests.takeBack(at: steady) }
    }

    /// The limit that is used up and lets requests through last; nil where none is.
    public mutating func refusal(
        _ rules: LimitRules, _ zone: ZoneRules, wall: Int64, steady: Int64
    ) -> Refusal? {
        readings(rules, zone, wall: wall, steady: steady).filter(\.isReached).max { $0.until < $1.until }
            .map { Refusal(kind: $0.kind, until: $0.until) }
    }

    /// How far each limit is used.
    public mutating func readings(
        _ rules: LimitRules, _ zone: ZoneRules, wall: Int64, steady: Int64
    ) -> [Reading] {
        var readings: [Reading] = []
        func add(_ kind: Kind, _ limit: Int64, _ usable: Int64, _ used: Int64, until: Int64) {
            readings.append(
                Reading(
                    kind: kind, used: used, limit: limit, usable: usable, until: until, isReached: used >= usable))
        }
        if let limit = rules.requestsPerMinute {
            let (used, wait) = requests.read(limit: limit, at: steady)
            add(.requestsPerMinute, limit, limit, used, until: wall + wait)
        }
        if let limit = rules.tokensPerMinute {
            let (used, wait) = tokens.read(limit: limit, at: steady)
            add(.tokensPerMinute, limit, limit, used, until: wall + wait)
        }
        turn(rules, zone, wall: wall)
        if let limit = rules.tokensPerDay, let day {
            add(.tokensPerDay, limit, rules.usable(limit), day.used, until: day.end)
        }
        if let limit = rules.spend {
            // Five hours that no request has begun yet have no end.
            add(
                .spend, limit.amount, rules.usable(limit.amount), spend?.used ?? 0,
                until: spend?.end ?? wall + Self.fiveHours)
        }
        return readings
    }

    /// An answer has ended.
    ///
    /// - Parameters:
    ///   - cost: in picos; nil: not known
    /// - Returns: the limits of a day or longer of which four fifths, or all, are used since this answer
    public mutating func add(
        tokens count: Int64, cost: Int64?, _ rules: LimitRules, _ zone: ZoneRules, wall: Int64, steady: Int64
    ) -> [Reading] {
        let before = readings(rules, zone, wall: wall, steady: steady)
        if rules.tokensPerMinute != nil { tokens.add(count, at: steady) }
        day?.add(count)
        if rules.spend?.period == .fiveHours, spend == nil {
            spend = Window(start: wall, end: wall + Self.fiveHours, used: 0)
        }
        if let cost { spend?.add(cost) }
        let after = readings(rules, zone, wall: wall, steady: steady)
        return zip(before, after).filter { old, new in
            (new.kind == .tokensPerDay || new.kind == .spend)
                && (new.isReached && !old.isReached || new.isNearlyUsed && !old.isNearlyUsed)
        }.map(\.1)
    }

    /// Begins the windows anew whose end has come.
    private mutating func turn(_ rules: LimitRules, _ zone: ZoneRules, wall: Int64) {
        if rules.tokensPerDay == nil {
            day = nil
        } else {
            let reset = rules.spend?.reset.seconds ?? 0
            day = Self.turned(day, to: Self.span(.day, reset, zone, at: wall), wall: wall)
        }
        guard let limit = rules.spend else { return spend = nil }
        guard limit.period != .fiveHours else {
            guard var window = spend else { return }
            // Of a longer time that was set before, no more than five hours are left. A clock that was set back must not make
            // them longer, and gives no budget twice.
            window.end = min(window.end, window.start + Self.fiveHours)
            if wall < window.start - Self.fiveHours { (window.start, window.end) = (wall, wall + Self.fiveHours) }
            spend = wall >= window.end ? nil : window
            return
        }
        spend = Self.turned(spend, to: Self.span(limit.period, limit.reset.seconds, zone, at: wall), wall: wall)
    }

    /// What was used counts on as long as the window's end has not come: also where a clock was set back, or the reset is another one.
    private static func turned(_ window: Window?, to span: (start: Int64, end: Int64), wall: Int64) -> Window {
        // The clock was set back by no more than one such time: when it is right again, the window has to be the same.
        if let window, wall < window.start, window.start - wall <= span.end - span.start { return window }
        let isOver = window.map { wall >= $0.end } ?? true
        return Window(start: span.start, end: span.end, used: isOver ? 0 : window?.used ?? 0)
    }

    /// The day, week or month in which a moment lies.
    static func span(
        _ period: LimitRules.Period, _ reset: Int64, _ zone: ZoneRules, at wall: Int64
    ) -> (start: Int64, end: Int64) {
        let local = wall + zone.offset(at: wall) - reset
        let today = CivilDay(number: floorDivide(local, 86_400))
        func begin(_ step: Int64) -> Int64 {
            let day: Int64
            switch period {
            case .fiveHours, .day: day = today.number + step
            case .week: day = today.number - Int64(today.weekday) + 7 * step
            case .month:
                let month = today.year * 12 + Int64(today.month - 1) + step
                day = CivilDay(year: floorDivide(month, 12), month: Int(floorModulo(month, 12)) + 1, day: 1).number
            }
            return zone.time(ofLocal: day * 86_400 + reset)
        }
        // Where the clocks change, the moment may lie in the one before or behind.
        var step: Int64 = 0
        while begin(step) > wall { step -= 1 }
        while begin(step + 1) <= wall { step += 1 }
        return (begin(step), begin(step + 1))
    }

    // MARK: For the next process

    /// What is kept: of a minute only how much it was and when.
    public struct Saved: Sendable, Equatable {
        public var requests: Int64 = 0
        public var tokens: Int64 = 0
        /// When these two were counted, in seconds since 1970.
        public var counted: Int64 = 0
        public var day: Window?
        public var spend: Window?

        public init() {}
    }

    public mutating func saved(wall: Int64, steady: Int64) -> Saved {
        var saved = Saved()
        saved.requests = requests.read(limit: .max, at: steady).used
        saved.tokens = tokens.read(limit: .max, at: steady).used
        (saved.counted, saved.day, saved.spend) = (wall, day, spend)
        return saved
    }

    /// What another process has counted goes on.
    public mutating func restore(_ saved: Saved, wall: Int64, steady: Int64) {
        (day, spend) = (saved.day, saved.spend)
        let age = wall - saved.counted
        guard 0..<60 ~= age else { return }
        requests.add(saved.requests, at: steady - age)
        tokens.add(saved.tokens, at: steady - age)
    }
}

extension LimitLedger.Reading {
    /// Four fifths of what may be used.
    public var isNearlyUsed: Bool { used >= usable - usable / 5 }
}

extension Int64 {
    fileprivate func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? .max : sum
    }
}

/// What was counted in the last sixty seconds, second by second.
struct LastMinute: Sendable, Equatable {
    /// One more than sixty: of the oldest second nobody knows which part lies within the minute.
    private static let length = 61
    private var cells: [Int64] = []
    /// The second of the newest cell.
    private var newest: Int64 = 0

    private mutating func advance(to second: Int64) {
        if cells.isEmpty {
            cells = [Int64](repeating: 0, count: Self.length)
            newest = second
        }
        while newest < second {
            if second - newest >= Int64(Self.length) {
                for index in cells.indices { cells[index] = 0 }
                newest = second
                return
            }
            newest += 1
            cells[Int(floorModulo(newest, Int64(Self.length)))] = 0
        }
    }

    mutating func add(_ count: Int64, at second: Int64) {
        advance(to: second)
        guard newest - second < Int64(Self.length) else { return }
        let place = Int(floorModulo(second, Int64(Self.length)))
        cells[place] = cells[place].addingClamped(count)
    }

    /// Takes back one that was added now, or in the second before.
    mutating func takeBack(at second: Int64) {
        guard !cells.isEmpty else { return }
        for second in [second, second - 1] where newest >= second && newest - second < Int64(Self.length) {
            let place = Int(floorModulo(second, Int64(Self.length)))
            guard cells[place] == 0 else {
                cells[place] -= 1
                return
            }
        }
    }

    /// - Returns: what was counted, and in how many seconds it is below the limit
    mutating func read(limit: Int64, at second: Int64) -> (used: Int64, wait: Int64) {
        guard !cells.isEmpty else { return (0, 0) }
        advance(to: second)
        var used: Int64 = 0
        for cell in cells { used = used.addingClamped(cell) }
        var (left, wait) = (used, Int64(0))
        while left >= limit, wait < Int64(Self.length) {
            wait += 1
            // The cell of `newest + wait` is the oldest one of those that are left, which gives way to it.
            left -= cells[Int(floorModulo(newest + wait, Int64(Self.length)))]
        }
        return (used, wait)
    }
}
