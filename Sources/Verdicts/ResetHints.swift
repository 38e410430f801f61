internal import PureSupport

/// Finds out from a refusal how long to wait before the endpoint is asked again: from its fields, else from its body.
///
/// Fields: `Retry-After` in seconds, as a date or as a point in time; `retry-after-ms`; `x-ratelimit-reset…`,
/// `anthropic-ratelimit-…-reset`, `RateLimit-Reset`, with their `remaining` and `status` twins; `RateLimit` and
/// `RateLimit-Policy` of the IETF's drafts, old and new. A limit that is not used up is no wait. Bodies: `retryDelay`,
/// "try again in 20s" and their like.
///
/// A wait of nothing is no hint: an endpoint that is dead and says so would be asked first for ever.
///
///     var hints = ResetHints(unixTime: now)
///     for field in fields { hints.take(field: field.name, value: field.value) }
///     hints.take(body: bytes)
///     hints.wait
public struct ResetHints {
    /// No wait is longer.
    public static let limit = Duration.seconds(24 * 3600)
    /// Of a body, so much is looked at.
    public static let bodyLimit = 16 << 10

    private struct Limit {
        /// `requests` of `anthropic-ratelimit-requests-reset` and of `x-ratelimit-reset-requests`.
        var kind: String
        var wait: Duration?
        /// nil where that was not said.
        var isUsedUp: Bool?
    }

    private let unixTime: Double
    private var milliseconds: Duration?
    private var named: Duration?
    private var limits: [Limit] = []
    /// The windows of `RateLimit-Policy`, by the policy's name.
    private var windows: [(kind: String, length: Duration)] = []
    private var ofBody: Duration?

    /// - Parameter unixTime: seconds since 1970, to read points in time against.
    public init(unixTime: Double) {
        self.unixTime = unixTime
    }

    /// How long the endpoint wants to be left alone; nil where it does not say.
    public var wait: Duration? {
        if let wait = milliseconds ?? named { return wait }
        let known = limits.map { limit in
            (isUsedUp: limit.isUsedUp, wait: limit.wait ?? window(limit.kind))
        }
        // The limits that are used up count; where none says so, the one that ends first may be the one.
        return known.filter { $0.isUsedUp == true }.compactMap(\.wait).max() ?? ofBody
            ?? known.filter { $0.isUsedUp == nil }.compactMap(\.wait).min()
    }

    /// The same, nil also where it wants none: who is dead and says "at once" has failed like any other.
    public var waitAhead: Duration? { wait.flatMap { $0 > .zero ? $0 : nil } }

    private func window(_ kind: String) -> Duration? {
        let found = windows.first { $0.kind == kind } ?? (windows.count == 1 ? windows.first : nil)
        // Of a limit that is not said to be used up, the window says nothing.
        return limits.contains { $0.kind == kind && $0.isUsedUp == true } ? found?.length : nil
    }

    // MARK: Fields

    /// Takes in a field; those that say nothing of waiting are passed over.
    public mutating func take(field name: String, value: String) {
        let name = name.lowercased()
        switch name {
        case "retry-after-ms": if let value = Self.number(value) { milliseconds = Self.bounded(value / 1000) }
        case "retry-after": named = retryAfter(value) ?? named
        case "ratelimit": takeRateLimit(value)
        case "ratelimit-policy": takePolicy(value)
        default:
            let parts = name.split(separator: "-")
            guard parts.contains("ratelimit") else { return }
            let kind = parts.filter { !Self.wordsAround.contains($0) }.joined(separator: "-")
            if parts.contains("reset") {
                if let wait = reset(value) { update(kind) { $0.wait = wait } }
            } else if parts.contains("remaining") {
                let isUsedUp = value.hasPrefix("-") || Self.number(value) == 0
                update(kind) { $0.isUsedUp = isUsedUp }
            } else if parts.last == "status" {
                let isUsedUp = !value.lowercased().hasPrefix("allowed")
                update(kind) { $0.isUsedUp = isUsedUp }
            }
        }
    }

    private static let wordsAround: Set<Substring> = [
        "anthropic", "x", "ratelimit", "reset", "remaining", "status",
    ]

    private mutating func update(_ kind: String, _ change: (inout Limit) -> Void) {
        let index = limits.firstIndex { $0.kind == kind } ?? limits.count
        if index == limits.count { limits.append(Limit(kind: kind)) }
        change(&limits[index])
    }

    /// Seconds, an HTTP date, or a point in time in seconds since 1970.
    func retryAfter(_ value: String) -> Duration? {
        if let seconds = Self.number(value) { return Self.bounded(fromNow(seconds)) }
        guard let date = HTTPDate.unixTime(value, now: unixTime) else { return nil }
        return Self.bounded(Double(date) - unixTime)
    }

    /// `6m0s`, `20ms`, `1h2m3.5s`, plain seconds, a point in time in seconds or milliseconds since 1970, or an RFC 3339 time.
    func reset(_ value: String) -> Duration? {
        if let number = Self.number(value) { return Self.bounded(fromNow(number)) }
        if let seconds = Self.compoundSeconds(value) { return Self.bounded(seconds) }
        guard let date = HTTPDate.rfc3339UnixTime(value) else { return nil }
        return Self.bounded(Double(date) - unixTime)
    }

    /// Large numbers are points in time: larger than 30 years of seconds, and in milliseconds beyond 3,000 years of them.
    private func fromNow(_ number: Double) -> Double {
        number > 100_000_000_000 ? number / 1000 - unixTime : number > 1_000_000_000 ? number - unixTime : number
    }

    /// `limit=100, remaining=0, reset=5` of the older drafts, or `"default";r=0;t=5` of the newer ones.
    private mutating func takeRateLimit(_ value: String) {
        for item in value.split(separator: ",") {
            let parts = item.split(separator: ";").map { $0.trimmed }
            guard let first = parts.first else { continue }
            let isNew = parts.count > 1
            let kind = isNew ? "policy " + first.unquoted : ""
            for parameter in isNew ? parts.dropFirst() : parts[...] {
                let sides = parameter.split(separator: "=", maxSplits: 1).map { $0.trimmed }
                guard sides.count == 2, let number = Self.number(sides[1]) else { continue }
                switch sides[0].lowercased() {
                case "r", "remaining": update(kind) { $0.isUsedUp = number == 0 }
                case "t", "reset": update(kind) { $0.wait = Self.bounded(number) }
                default: break
                }
            }
        }
    }

    /// `"default";q=100;w=60`, or `100;w=60`.
    private mutating func takePolicy(_ value: String) {
        for item in value.split(separator: ",") {
            let parts = item.split(separator: ";").map { $0.trimmed }
            guard let first = parts.first else { continue }
            for parameter in parts.dropFirst() where parameter.lowercased().hasPrefix("w=") {
                guard let length = Self.number(parameter.dropFirst(2)).flatMap(Self.bounded) else { continue }
                windows.append((first.first == "\"" ? "policy " + first.unquoted : "", length))
            }
        }
    }

    /// nil where there is nothing to wait for.
    private static func bounded(_ seconds: Double) -> Duration? {
        guard seconds > 0 else { return nil }
        return seconds < Double(limit.components.seconds) ? .seconds(seconds) : limit
    }

    /// Digits with an optional fraction. `Double` also reads `inf`, `1e9` and `0x10`.
    private static func number(_ text: some StringProtocol) -> Double? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(ASCII.isDigit) }) else { return nil }
        return Double(text)
    }

    private static func compoundSeconds(_ value: String) -> Double? {
        var total = 0.0
        var rest = Substring(value)
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            let unit = rest.dropFirst(digits.count).prefix { $0.isLetter }
            guard let amount = number(digits), let seconds = seconds(of: unit) else { return nil }
            total += amount * seconds
            rest = rest.dropFirst(digits.count + unit.count)
        }
        return total
    }

    private static func seconds(of unit: Substring) -> Double? {
        switch unit {
        case "ms", "msec", "millisecond", "milliseconds": 0.001
        case "s", "sec", "secs", "second", "seconds": 1
        case "m", "min", "mins", "minute", "minutes": 60
        case "h", "hr", "hrs", "hour", "hours": 3600
        case "d", "day", "days": 86400
        default: nil
        }
    }

    // MARK: Bodies

    /// What a number behind a saying is.
    private enum Meaning {
        /// With its unit, or it is something else.
        case withUnit
        /// Seconds, where there is no unit.
        case seconds
        case milliseconds
        /// A point in time.
        case time
    }

    /// In lower case; the first that is followed by a time counts.
    private static let sayings: [(words: String, meaning: Meaning)] = [
        ("retrydelay", .seconds), ("retry_after_ms", .milliseconds), ("retry_after_seconds", .seconds),
        ("retry_after", .seconds), ("retry-after", .seconds), ("retryafter", .seconds),
        ("resets_in_seconds", .seconds), ("reset_in_seconds", .seconds), ("resets_at", .time), ("reset_at", .time),
        ("try again in", .withUnit), ("retry in", .withUnit), ("retry after", .seconds), ("try again after", .withUnit),
        ("resets in", .withUnit), ("reset in", .withUnit), ("reset after", .withUnit), ("please wait", .withUnit),
    ]

    /// Takes in the beginning of an answer's body, or the message of an error.
    public mutating func take(body: some Sequence<UInt8>) {
        guard ofBody == nil else { return }
        let text = body.prefix(Self.bodyLimit).map(ASCII.lowercased)
        for saying in Self.sayings {
            let words = Array(saying.words.utf8)
            var place = 0
            while let found = Self.place(of: words, in: text, from: place) {
                place = found + words.count
                if let wait = wait(in: text, at: place, saying.meaning) {
                    ofBody = wait
                    return
                }
            }
        }
    }

    private static func place(of words: [UInt8], in text: [UInt8], from begin: Int) -> Int? {
        guard text.count >= words.count, begin <= text.count - words.count else { return nil }
        return (begin...text.count - words.count).first { start in
            text[start] == words[0] && text[start..<start + words.count].elementsEqual(words)
        }
    }

    private func wait(in text: [UInt8], at begin: Int, _ meaning: Meaning) -> Duration? {
        // `": "` of JSON, perhaps of JSON in JSON.
        let signs: Set<UInt8> = [0x22, 0x27, 0x3A, 0x3D, 0x5C, 0x20]
        var place = begin
        while place < text.count, place < begin + 8, signs.contains(text[place]) { place += 1 }
        let rest = String(decoding: text[place..<min(text.count, place + 64)], as: UTF8.self)
        if meaning == .time {
            let end = rest.prefix { $0 != "\"" && $0 != "," && $0 != "}" && $0 != "\\" }
            return reset(end.trimmed.uppercased()) ?? reset(end.trimmed)
        }
        return Self.bounded(Self.seconds(Substring(rest), meaning))
    }

    /// `20s`, `1m3.5s`, `2 minutes and 5 seconds`; what follows is not looked at. 0 where it is no time.
    private static func seconds(_ text: Substring, _ meaning: Meaning) -> Double {
        var rest = text
        var total = 0.0
        while let first = rest.utf8.first, ASCII.isDigit(first) {
            var digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            // The full stop of a sentence.
            while digits.last == "." { digits = digits.dropLast() }
            guard let amount = number(digits) else { break }
            rest = rest.dropFirst(digits.count)
            let unit = rest.drop { $0 == " " }.prefix { $0.isASCII && $0.isLetter }
            if let seconds = seconds(of: unit) {
                total += amount * seconds
                rest = rest.drop { $0 == " " }.dropFirst(unit.count).drop { $0 == " " || $0 == "," }
                if rest.hasPrefix("and ") { rest = rest.dropFirst(4) }
                continue
            }
            guard total == 0 else { break }
            switch meaning {
            case .seconds: return amount
            case .milliseconds: return amount / 1000
            case .withUnit, .time: return 0
            }
        }
        return total
    }
}

extension StringProtocol {
    fileprivate var trimmed: String { String(trimming(" ", "\t")) }

    fileprivate var unquoted: String { lowercased().filter { $0 != "\"" } }
}
