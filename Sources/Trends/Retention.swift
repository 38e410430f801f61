/// What may be deleted of the history, by time. It never goes by one look at the clock: a battery that died must not delete a year.
public struct Retention: Sendable, Equatable {
    /// How long each kind of row is kept, in seconds; 0 for the log: there is none.
    public struct Limits: Sendable, Equatable {
        public var requests: Int64 = 14 * 86_400
        public var hours: Int64 = 35 * 86_400
        public var days: Int64 = 400 * 86_400

        /// Fourteen days of requests, 35 of hours, 400 of days.
        public init() {}
    }

    /// Rows before these times go.
    public struct Cut: Sendable, Equatable {
        /// Microseconds since 1970.
        public var requestsBefore: Int64
        /// Unix time.
        public var hoursBefore: Int64
        /// Days since 1970.
        public var daysBefore: Int64

        /// All parts given.
        public init(requestsBefore: Int64, hoursBefore: Int64, daysBefore: Int64) {
            self.requestsBefore = requestsBefore
            self.hoursBefore = hoursBefore
            self.daysBefore = daysBefore
        }
    }

    /// How long it rests after a start and after the wall clock jumped.
    public static let rest: Int64 = 3_600

    private var restsUntil: Int64
    private var lastWall: Int64
    private var lastSteady: Int64
    /// The day before which day rows were deleted last, and when that was.
    private var lastDays: (cut: Int64, at: Int64)?

    /// - Parameters:
    ///   - wall: unix time
    ///   - steady: seconds of a clock that cannot be set
    public init(wall: Int64, steady: Int64) {
        restsUntil = steady + Self.rest
        lastWall = wall
        lastSteady = steady
    }

    public static func == (one: Retention, other: Retention) -> Bool {
        one.restsUntil == other.restsUntil && one.lastWall == other.lastWall && one.lastSteady == other.lastSteady
            && one.lastDays?.cut == other.lastDays?.cut && one.lastDays?.at == other.lastDays?.at
    }

    /// What may go now; nil while it rests.
    ///
    /// - Parameter oldestDay: of the rows there are: of these one day an hour goes, and no more.
    public mutating func cut(wall: Int64, steady: Int64, oldestDay: Int64?, limits: Limits) -> Cut? {
        let drift = (wall - lastWall) - (steady - lastSteady)
        (lastWall, lastSteady) = (wall, steady)
        if abs(drift) > 3_600 { restsUntil = steady + Self.rest }
        guard steady >= restsUntil else { return nil }
        var days = lastDays?.cut ?? .min
        let wanted = (wall - limits.days) / 86_400
        if let oldestDay, oldestDay < wanted, lastDays.map({ steady - $0.at >= 3_600 }) ?? true {
            days = min(wanted, oldestDay + 1)
            lastDays = (days, steady)
        }
        return Cut(
            requestsBefore: (wall - limits.requests) * 1_000_000, hoursBefore: wall - limits.hours, daysBefore: days)
    }
}
