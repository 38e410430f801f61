import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Whether log lines go to standard error. While a console owns the terminal they must not.
final class LogSwitch: Sendable {
    private let open: Atomic<Bool>

    init(isOpen: Bool) {
        open = Atomic(isOpen)
    }

    var isOpen: Bool {
        get { open.load(ordering: .relaxed) }
        set { open.store(newValue, ordering: .relaxed) }
    }
}

/// One line per event: time in UTC, level, source, text.
struct LineLogHandler: LogHandler {
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    private let gate: LogSwitch

    init(gate: LogSwitch) {
        self.gate = gate
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        guard gate.isOpen else {
            return
        }
        var line = "\(Self.timestamp()) \(event.level)"
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        if let source = all["source"] {
            line += " \(source)"
        }
        line += " \(event.message)"
        for (key, value) in all.sorted(by: { $0.key < $1.key }) where key != "source" {
            line += " \(key)=\(value)"
        }
        StandardStreams.error(line.withoutControlCharacters)
    }

    private static func timestamp() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        var seconds = now.tv_sec
        gmtime_r(&seconds, &parts)
        let fields: [(Int32, Int, String)] = [
            (parts.tm_year + 1_900, 4, "-"), (parts.tm_mon + 1, 2, "-"), (parts.tm_mday, 2, "T"),
            (parts.tm_hour, 2, ":"), (parts.tm_min, 2, ":"), (parts.tm_sec, 2, "."),
            (Int32(now.tv_nsec / 1_000_000), 3, "Z"),
        ]
        return fields.map { value, width, suffix in
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits + suffix
        }.joined()
    }
}

extension String {
    /// Text from outside must not steer the terminal that shows the log.
    fileprivate var withoutControlCharacters: String {
        guard unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            return self
        }
        return String(
            String.UnicodeScalarView(
                unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
    }
}
