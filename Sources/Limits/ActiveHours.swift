/// A time of day, and the zone whose clock shows it: `00:00 Asia/Shanghai`.
public struct ClockTime: Sendable, Equatable {
    /// Seconds from midnight.
    public var seconds: Int64
    /// As the database of time zones calls it, or `+08:00`; nil: that of the machine.
    public var zone: String?

    /// As its parts.
    public init(seconds: Int64, zone: String? = nil) {
        self.seconds = seconds
        self.zone = zone
    }
}

/// The hours in which an endpoint is asked: `23:00-08:00 Asia/Shanghai`, several with commas between.
public struct ActiveHours: Sendable, Equatable {
    /// Each from its first second to before its last one; the end comes first where it is on the next day.
    public var spans: [(from: Int64, to: Int64)]
    /// As the database of time zones calls it, or `+08:00`; nil: that of the machine.
    public var zone: String?

    public static func == (a: ActiveHours, b: ActiveHours) -> Bool {
        a.zone == b.zone && a.spans.elementsEqual(b.spans, by: ==)
    }

    /// - Throws: what is wrong with the text, and what to write.
    public init(_ text: String) throws(LimitsProblem) {
        var words = text.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
        zone = nil
        if let last = words.last, words.count > 1, ZoneName.isPossible(last), Self.span(Substring(last)) == nil {
            zone = last
            words.removeLast()
        }
        spans = []
        for part in words.joined().split(separator: ",", omittingEmptySubsequences: false) {
            guard let span = Self.span(part) else {
                throw LimitsProblem(
                    "'\(part)' is no span of time",
                    fix: "write active: \"23:00-08:00 Asia/Shanghai\"; enabled switches it off")
            }
            guard span.from != span.to else {
                throw LimitsProblem("'\(part)' begins and ends at the same time", fix: "leave active out for all day")
            }
            spans.append(span)
        }
    }

    private static func span(_ text: Substring) -> (from: Int64, to: Int64)? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let from = ClockText.seconds(ends[0]), let to = ClockText.seconds(ends[1]),
            from < 86_400
        else { return nil }
        return (from, to == 86_400 ? 0 : to)
    }

    /// When the endpoint may be asked again; nil where it may be now.
    ///
    /// - Parameter time: in seconds since 1970
    public func resumes(at time: Int64, _ rules: ZoneRules) -> Int64? {
        let local = time + rules.offset(at: time)
        let clock = floorModulo(local, 86_400)
        if spans.contains(where: { Self.holds($0, clock) }) { return nil }
        let midnight = local - clock
        // A span may begin in an hour that the clocks skip, and so at its end; none is further away than the day after tomorrow.
        let begins = spans.flatMap { span in
            (0...2).map { rules.time(ofLocal: midnight + $0 * 86_400 + span.from) }
        }
        return begins.filter { $0 > time }.min() ?? time + 86_400
    }

    private static func holds(_ span: (from: Int64, to: Int64), _ clock: Int64) -> Bool {
        span.from < span.to ? span.from <= clock && clock < span.to : span.from <= clock || clock < span.to
    }
}

/// What is wrong with a text of limits, and what to write instead.
public struct LimitsProblem: Error, Sendable, Equatable {
    /// A sentence without its full stop.
    public let message: String
    /// Empty where there is nothing to say.
    public let fix: String

    init(_ message: String, fix: String = "") {
        self.message = message
        self.fix = fix
    }
}

/// Names of time zones.
public enum ZoneName {
    /// Whether it could be one: what it is looked up as must not lead out of the database's folder.
    public static func isPossible(_ name: String) -> Bool {
        if fixed(name) != nil { return true }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        return name.utf8.count <= 64 && parts.count <= 3
            && parts.allSatisfy { part in
                part.first?.isLetter == true
                    && part.utf8.allSatisfy { byte in
                        switch byte {
                        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                            UInt8(ascii: "+"):
                            true
                        default: false
                        }
                    }
            }
    }

    /// Seconds east of UTC of `UTC`, `+08:00` and `-05:30`; nil where the name has to be looked up.
    public static func fixed(_ name: String) -> Int? {
        if name == "UTC" || name == "Z" { return 0 }
        guard let sign = name.first, sign == "+" || sign == "-", let seconds = ClockText.seconds(name.dropFirst()),
            seconds <= 18 * 3_600
        else { return nil }
        return sign == "-" ? -Int(seconds) : Int(seconds)
    }
}

enum ClockText {
    /// Seconds from midnight of `23:00`; `24:00` is the end of the day.
    static func seconds(_ text: Substring) -> Int64? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.count == 2 && $0.utf8.allSatisfy { 48...57 ~= $0 } }),
            let hours = Int64(parts[0]), let minutes = Int64(parts[1]), minutes < 60, hours * 60 + minutes <= 24 * 60
        else { return nil }
        return hours * 3_600 + minutes * 60
    }

    static func text(_ seconds: Int64) -> String {
        let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60)
        return "\(hours < 10 ? "0" : "")\(hours):\(minutes < 10 ? "0" : "")\(minutes)"
    }
}
