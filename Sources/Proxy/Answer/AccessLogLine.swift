internal import Ranking
internal import Support

extension RequestReport {
    /// Longer paths are cut in the access log.
    private static let pathLimit = 2048

    /// The request as one line of the access log: a JSON object, without the query, which may hold secrets, and without any
    /// header but the request id.
    ///
    /// - Parameters:
    ///   - unixTime: seconds since 1970 at `at`
    ///   - names: of the endpoints of `attempts`, in the same order
    public func accessLogLine(unixTime: Double, names: [String]) -> String {
        var line = JSONLine()
        line.add("time", AccessTime.text(unixTime: unixTime))
        line.add("request", requestID)
        line.add("client", clientAddress)
        line.add("method", method)
        let path = path
        line.add("path", path.utf8.count > Self.pathLimit ? String(path.prefix(Self.pathLimit)) + "…" : path)
        line.add("status", number: status)
        line.add("ending", ending.rawValue)
        line.add("endpoint", endpoint == nil ? nil : names.last)
        line.add("bytes_up", number: bytesUp)
        line.add("bytes_down", number: bytesDown)
        line.add("first_byte_ms", milliseconds: timeToFirstByte)
        line.add("total_ms", milliseconds: duration)
        let attempts = zip(names, attempts).map { name, attempt in
            var part = JSONLine()
            part.add("endpoint", name)
            part.add("outcome", attempt.outcomeWord)
            part.add("status", number: attempt.status)
            part.add("first_byte_ms", milliseconds: attempt.timeToFirstByte)
            part.add("total_ms", milliseconds: attempt.duration)
            return part.text
        }
        line.add("attempts", raw: "[\(attempts.joined(separator: ","))]")
        return line.text
    }
}

extension AttemptReport {
    /// `ok`, `declined`, `gone` (the client left, or is at fault), or the kind of error.
    var outcomeWord: String {
        if let kind = ErrorKind(outcome, status: status) { return kind.rawValue }
        return switch outcome {
        case .neutral: "gone"
        case .declined: "declined"
        default: "ok"
        }
    }
}

/// A JSON object, member by member.
private struct JSONLine {
    private var members = ""

    var text: String { "{\(members)}" }

    mutating func add(_ name: String, raw: String) {
        if !members.isEmpty { members += "," }
        members += "\"\(name)\":\(raw)"
    }

    mutating func add(_ name: String, _ text: String?) {
        add(name, raw: text.map { QuotedText.json($0) } ?? "null")
    }

    mutating func add(_ name: String, number: Int?) {
        add(name, raw: number.map { String($0) } ?? "null")
    }

    /// With microseconds, which is what is measured.
    mutating func add(_ name: String, milliseconds duration: Duration?) {
        guard let duration else { return add(name, raw: "null") }
        let (seconds, attoseconds) = duration.components
        let microseconds = seconds * 1_000_000 + attoseconds / 1_000_000_000_000
        let fraction = String(1_000 + microseconds % 1_000).dropFirst()
        add(name, raw: "\(microseconds / 1_000).\(fraction)")
    }
}

/// Points in time as logs have them.
enum AccessTime {
    /// `2026-11-23T22:40:22.123Z`
    static func text(unixTime: Double) -> String {
        let milliseconds = Int(max(0, unixTime) * 1_000)
        return CivilTime(unixTime: milliseconds / 1_000).rfc3339(milliseconds: milliseconds % 1_000)
    }
}
