/// A time zone: how far its clocks are from UTC, at any time.
///
/// It is made of the bytes of a file of the system's database (TZif, RFC 9636), so that it reads no file itself; limits and active hours
/// go by the clock of a place, whose days have 23 or 25 hours now and then. Behind the last change that the file lists its rule in the
/// notation of POSIX holds.
public struct ZoneRules: Sendable, Equatable {
    /// A change of the clocks that comes each year.
    private struct YearlyChange: Sendable, Equatable {
        let month: Int
        /// 1 to 5; 5 is the last one of the month.
        let week: Int
        /// 0 is Sunday.
        let weekday: Int
        /// Seconds from midnight, by the clock that holds before.
        let time: Int64
    }

    private struct Yearly: Sendable, Equatable {
        let standard: Int64
        let summer: Int64
        let toSummer: YearlyChange
        let toStandard: YearlyChange
    }

    private var times: [Int64] = []
    /// From each of `times` on.
    private var offsets: [Int64] = []
    /// Before the first of `times`.
    private var firstOffset: Int64
    /// Behind the last one; nil: the last offset stays.
    private var yearly: Yearly?

    /// A zone whose clocks never change.
    ///
    /// - Parameter seconds: east of UTC
    public init(fixed seconds: Int) { firstOffset = Int64(seconds) }

    /// UTC, where no other zone is named.
    public static let utc = ZoneRules(fixed: 0)

    // MARK: Reading

    /// - Parameter file: the whole content of a file of the database; nil where it is none
    public init?(file: [UInt8]) {
        guard let first = TZifBlock(file[...], wide: false) else { return nil }
        guard let wide = first.version >= 2 ? TZifBlock(file[first.end...], wide: true) : first else { return nil }
        times = wide.times
        offsets = wide.indices.map { wide.types[$0].offset }
        firstOffset = (wide.types.first { !$0.isSummer } ?? wide.types[0]).offset
        guard first.version >= 2 else { return }
        let footer = file[wide.end...].drop { $0 == UInt8(ascii: "\n") }.prefix { $0 != UInt8(ascii: "\n") }
        var reader = PosixZoneReader(text: Array(footer))
        guard let rule = reader.read() else { return }
        if let summer = rule.summer {
            yearly = Yearly(
                standard: rule.standard, summer: summer.offset,
                toSummer: YearlyChange(
                    month: summer.begin.month, week: summer.begin.week, weekday: summer.begin.weekday,
                    time: summer.begin.time),
                toStandard: YearlyChange(
                    month: summer.end.month, week: summer.end.week, weekday: summer.end.weekday, time: summer.end.time))
        } else if times.isEmpty {
            firstOffset = rule.standard
        }
    }

    // MARK: Asking

    /// How far its clocks are ahead of UTC, in seconds.
    ///
    /// - Parameter time: in seconds since 1970
    public func offset(at time: Int64) -> Int64 {
        guard let last = times.last else { return yearly.map { Self.offset($0, at: time) } ?? firstOffset }
        if time >= last, let yearly { return Self.offset(yearly, at: time) }
        var (low, high) = (0, times.count)
        while low < high {
            let middle = (low + high) / 2
            if times[middle] <= time { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? firstOffset : offsets[low - 1]
    }

    private static func offset(_ yearly: Yearly, at time: Int64) -> Int64 {
        let year = CivilDay(number: floorDivide(time + yearly.standard, 86_400)).year
        let begin = moment(of: yearly.toSummer, in: year) - yearly.standard
        let end = moment(of: yearly.toStandard, in: year) - yearly.summer
        // South of the equator summer goes over the turn of the year.
        let isSummer = begin < end ? begin <= time && time < end : !(end <= time && time < begin)
        return isSummer ? yearly.summer : yearly.standard
    }

    /// By the clock that holds before the change.
    private static func moment(of change: YearlyChange, in year: Int64) -> Int64 {
        let first = CivilDay(year: year, month: change.month, day: 1).number
        // 1970-01-01 was a Thursday.
        let weekday = floorModulo(first + 4, 7)
        var day = first + floorModulo(Int64(change.weekday) - weekday, 7) + Int64(change.week - 1) * 7
        let next =
            change.month == 12
            ? CivilDay(year: year + 1, month: 1, day: 1).number
            : CivilDay(year: year, month: change.month + 1, day: 1).number
        while day >= next { day -= 7 }
        return day * 86_400 + change.time
    }

    /// The time at which its clocks show something: the first one where they show it twice, and the end of the gap where they skip it.
    ///
    /// - Parameter local: as if the clock showed UTC
    public func time(ofLocal local: Int64) -> Int64 {
        let before = offset(at: local - 86_400 - firstOffset.magnitudeAsInt)
        let after = offset(at: local + 86_400)
        if offset(at: local - before) == before { return local - before }
        if offset(at: local - after) == after { return local - after }
        // Skipped: the clocks go forward between these two.
        var (low, high) = (local - max(before, after), local - min(before, after))
        while low < high {
            let middle = low + (high - low) / 2
            if offset(at: middle) == before { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension Int64 {
    fileprivate var magnitudeAsInt: Int64 { Int64(clamping: magnitude) }
}

/// A date of the calendar as a number.
struct CivilDay: Equatable {
    /// Days since 1970-01-01.
    let number: Int64
    let year: Int64
    let month: Int
    let day: Int

    init(number: Int64) {
        self.number = number
        // Years begin in March here, so that the leap day comes last.
        let shifted = number + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
        month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    init(year: Int64, month: Int, day: Int) {
        let shifted = month <= 2 ? year - 1 : year
        let era = floorDivide(shifted, 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = Int64((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1)
        self.init(number: era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468)
    }

    /// 0 is Monday.
    var weekday: Int { Int(floorModulo(number + 3, 7)) }
}

func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
    let quotient = value / divisor
    return value % divisor < 0 ? quotient - 1 : quotient
}

func floorModulo(_ value: Int64, _ divisor: Int64) -> Int64 {
    let rest = value % divisor
    return rest < 0 ? rest + divisor : rest
}

/// One of the two data blocks of a TZif file.
private struct TZifBlock {
    let version: Int
    private(set) var times: [Int64] = []
    private(set) var indices: [Int] = []
    private(set) var types: [(offset: Int64, isSummer: Bool)] = []
    let end: Int

    /// nil where it breaks the format: each number is checked against what is there.
    init?(_ bytes: ArraySlice<UInt8>, wide: Bool) {
        let start = bytes.startIndex
        guard bytes.count >= 44, bytes.prefix(4).elementsEqual("TZif".utf8) else { return nil }
        let first = bytes[start + 4]
        version = first == 0 ? 1 : Int(first) - Int(UInt8(ascii: "0"))
        func number(_ place: Int, _ width: Int) -> Int64 {
            let unsigned = bytes[place..<place + width].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return width == 4 ? Int64(Int32(truncatingIfNeeded: unsigned)) : Int64(bitPattern: unsigned)
        }
        let counts = (0..<6).map { Int(number(start + 20 + 4 * $0, 4)) }
        let (utCount, standardCount, leapCount) = (counts[0], counts[1], counts[2])
        let (timeCount, typeCount, nameLength) = (counts[3], counts[4], counts[5])
        let width = wide ? 8 : 4
        guard counts.allSatisfy({ 0...100_000 ~= $0 }), typeCount > 0 else { return nil }
        let length =
            44 + timeCount * (width + 1) + typeCount * 6 + nameLength + leapCount * (width + 4) + standardCount
            + utCount
        guard bytes.count >= length else { return nil }
        end = start + length
        var place = start + 44
        for index in 0..<timeCount { times.append(number(place + index * width, width)) }
        place += timeCount * width
        for index in 0..<timeCount { indices.append(Int(bytes[place + index])) }
        place += timeCount
        for index in 0..<typeCount {
            types.append((number(place + index * 6, 4), bytes[place + index * 6 + 4] != 0))
        }
        guard indices.allSatisfy({ $0 < typeCount }), zip(times, times.dropFirst()).allSatisfy({ $0 < $1 }) else {
            return nil
        }
    }
}

/// Reads `CET-1CEST,M3.5.0,M10.5.0/3`. Rules by the number of a day (`J60`) are not read: no zone has them any more.
private struct PosixZoneReader {
    struct Change {
        let month: Int
        let week: Int
        let weekday: Int
        let time: Int64
    }

    struct Rule {
        let standard: Int64
        let summer: (offset: Int64, begin: Change, end: Change)?
    }

    let text: [UInt8]
    private var place = 0

    init(text: [UInt8]) { self.text = text }

    mutating func read() -> Rule? {
        guard skipName(), let standard = offset() else { return nil }
        guard place < text.count else { return Rule(standard: standard, summer: nil) }
        guard skipName() else { return nil }
        var summer = standard + 3_600
        if place < text.count, text[place] != UInt8(ascii: ",") {
            guard let named = offset() else { return nil }
            summer = named
        }
        guard let begin = change(), let end = change() else { return nil }
        return Rule(standard: standard, summer: (summer, begin, end))
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard place < text.count, text[place] == UInt8(ascii: character) else { return false }
        place += 1
        return true
    }

    private mutating func skipName() -> Bool {
        let start = place
        if take("<") {
            while place < text.count, text[place] != UInt8(ascii: ">") { place += 1 }
            return take(">")
        }
        while place < text.count, UInt8(ascii: "A")...UInt8(ascii: "z") ~= text[place] { place += 1 }
        return place - start >= 3
    }

    /// Hours west of UTC, as POSIX counts them; the other way round here.
    private mutating func offset() -> Int64? { time().map { -$0 } }

    private mutating func number() -> Int? {
        var value: Int?
        while place < text.count, UInt8(ascii: "0")...UInt8(ascii: "9") ~= text[place], value ?? 0 < 1_000 {
            value = (value ?? 0) * 10 + Int(text[place] - UInt8(ascii: "0"))
            place += 1
        }
        return value
    }

    private mutating func time() -> Int64? {
        let isNegative = take("-")
        if !isNegative { _ = take("+") }
        guard let hours = number() else { return nil }
        var seconds = Int64(hours) * 3_600
        if take(":") { seconds += Int64(number() ?? 0) * 60 }
        if take(":") { seconds += Int64(number() ?? 0) }
        return isNegative ? -seconds : seconds
    }

    private mutating func change() -> Change? {
        guard take(","), take("M"), let month = number(), take("."), let week = number(), take("."),
            let weekday = number(), 1...12 ~= month, 1...5 ~= week, 0...6 ~= weekday
        else { return nil }
        var seconds: Int64 = 7_200
        if take("/") {
            guard let named = time() else { return nil }
            seconds = named
        }
        return Change(month: month, week: week, weekday: weekday, time: seconds)
    }
}
