/// Sums of an hour or a day with their names in words, as they are asked for.
public struct UsageRow: Sendable, Equatable {
    /// Of an hour or of a day.
    public var period: CellKey.Period
    /// As of a `CellKey`.
    public var start: Int64
    /// Empty: Podium itself.
    public var endpoint: String
    /// Empty: not known.
    public var model: String
    /// Empty: not known.
    public var client: String
    public var cell: Cell

    /// All parts given.
    public init(
        period: CellKey.Period, start: Int64, endpoint: String, model: String, client: String, cell: Cell
    ) {
        self.period = period
        self.start = start
        self.endpoint = endpoint
        self.model = model
        self.client = client
        self.cell = cell
    }
}

extension Ledger {
    /// Lays what is in memory over rows of the store.
    public func overlay(_ rows: [UsageRow], _ names: NameTable, _ period: CellKey.Period, from: Int64, to: Int64)
        -> [UsageRow]
    {
        var numbers = names
        var cells: [CellKey: Cell] = [:]
        for row in rows {
            func number(_ kind: NameTable.Kind, _ text: String) -> Int32 {
                text == NameTable.otherText ? NameTable.other : numbers.number(kind, text)
            }
            let key = CellKey(
                period, start: row.start, endpoint: number(.endpoint, row.endpoint), model: number(.model, row.model),
                client: number(.client, row.client))
            cells[key, default: Cell()].add(row.cell)
        }
        overlay(&cells) { $0.period == period && $0.start >= from && $0.start < to }
        return cells.map { key, cell in
            UsageRow(
                period: period, start: key.start, endpoint: numbers.text(key.endpoint), model: numbers.text(key.model),
                client: numbers.text(key.client), cell: cell)
        }
    }
}

/// By what sums are grouped.
public enum UsageDimension: String, Sendable, CaseIterable {
    case endpoint, model, client, minute, hour, day, month
}

/// Sums of rows that agree in what they are grouped by.
public struct UsageGroup: Sendable, Equatable {
    /// A value for each dimension, in their order: a name, or the local time as `2026-11-30`, `2026-11-30 14`, `2026-11-30 14:05`,
    /// `2026-11`.
    public var values: [String]
    public var cell: Cell

    /// Groups in the order of their values.
    ///
    /// - Parameter offset: of the local time from UTC at an hour's start, for what is grouped by hour
    public static func groups(
        of rows: [UsageRow], by dimensions: [UsageDimension], offset: (Int64) -> Int64
    ) -> [UsageGroup] {
        var cells: [[String]: Cell] = [:]
        for row in rows {
            let values = dimensions.map { dimension in
                switch dimension {
                case .endpoint: row.endpoint
                case .model: row.model
                case .client: row.client
                case .minute, .hour, .day, .month: LocalDate.text(of: row, dimension, offset: offset)
                }
            }
            cells[values, default: Cell()].add(row.cell)
        }
        return cells.map { UsageGroup(values: $0.key, cell: $0.value) }.sorted {
            $0.values.lexicographicallyPrecedes($1.values)
        }
    }
}

/// Local dates as text and as days.
public enum LocalDate {
    static func text(of row: UsageRow, _ dimension: UsageDimension, offset: (Int64) -> Int64) -> String {
        text(ofStart: row.start, row.period, dimension, offset: offset)
    }

    /// The local time at which an hour or a day began, as far as the dimension goes.
    public static func text(
        ofStart start: Int64, _ period: CellKey.Period, _ dimension: UsageDimension, offset: (Int64) -> Int64
    ) -> String {
        let local = period == .hour ? start + offset(start) : start * 86_400
        let moment = LocalMoment(microseconds: local * 1_000_000, offset: 0)
        let (year, month, day) = date(moment.day)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        switch dimension {
        case .month: return "\(year)-\(two(month))"
        case .minute where period == .hour:
            let second = local - moment.day * 86_400
            return "\(year)-\(two(month))-\(two(day)) \(two(second / 3_600)):\(two(second / 60 % 60))"
        case .hour where period == .hour:
            return "\(year)-\(two(month))-\(two(day)) \(two((local - moment.day * 86_400) / 3_600))"
        default: return "\(year)-\(two(month))-\(two(day))"
        }
    }

    /// Year, month and day of a count of days since 1970.
    public static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        // Years begin in March here, so that the leap day comes last.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let year = yearOfEra + era * 400
        return (
            month < 10 ? year : year + 1, month < 10 ? month + 3 : month - 9, dayOfYear - (153 * month + 2) / 5 + 1
        )
    }

    /// The opposite; nil for what is no date.
    public static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64? {
        guard (1...9_999).contains(year), (1...12).contains(month), (1...31).contains(day) else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        let found = date(days)
        return found.month == month && found.day == day ? days : nil
    }
}

/// A time that is asked for: `24h`, `7d`, `today`, `yesterday`, `this-month`, `2026-11-30` or `2026-11-01..2026-11-15`.
public enum UsageSpan: Sendable, Equatable {
    /// So many hours, the present one included.
    case hours(Int64)
    /// Local dates, days since 1970, the last one not included.
    case days(Range<Int64>)

    /// nil for what is no span.
    ///
    /// - Parameter today: days since 1970 of the local date
    public init?(_ text: String, today: Int64) {
        func date(_ text: some StringProtocol) -> Int64? {
            let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int64($0) }
            guard parts.count == 3, let year = parts[0], let month = parts[1], let day = parts[2] else { return nil }
            return LocalDate.days(year, month, day)
        }
        switch text {
        case "today": self = .days(today..<today + 1)
        case "yesterday": self = .days(today - 1..<today)
        case "this-month": self = .days(today - LocalDate.date(today).day + 1..<today + 1)
        default:
            if let unit = text.last, let count = Int64(text.dropLast()), count > 0, count <= 100_000 {
                switch unit {
                case "h" where count <= 24 * 7: self = .hours(count)
                case "h": self = .days(today - (count + 23) / 24..<today + 1)
                case "d": self = .days(today - count + 1..<today + 1)
                default: return nil
                }
                return
            }
            let ends = text.split(separator: ".", omittingEmptySubsequences: false)
            if ends.count == 3, ends[1].isEmpty, let from = date(ends[0]), let to = date(ends[2]), from <= to {
                self = .days(from..<to + 1)
            } else if let day = date(text) {
                self = .days(day..<day + 1)
            } else {
                return nil
            }
        }
    }
}
