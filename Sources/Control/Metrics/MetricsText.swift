internal import Support

/// Prometheus' text format, version 0.0.4. Pure.
struct MetricsText {
    enum Kind: String {
        case counter, gauge, histogram
    }

    /// A label and its value.
    typealias Label = (name: String, value: String)

    private(set) var text = ""
    private var family = ""

    /// Begins a family: all its samples follow at once.
    mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
        family = name
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    mutating func sample(_ value: Double, _ labels: [Label] = [], suffix: String = "") {
        line(labels, suffix, Self.number(value))
    }

    mutating func sample(_ value: UInt64, _ labels: [Label] = []) {
        line(labels, "", String(value))
    }

    mutating func sample(_ value: Int, _ labels: [Label] = []) {
        line(labels, "", String(value))
    }

    mutating func sample(_ flag: Bool, _ labels: [Label] = []) {
        line(labels, "", flag ? "1" : "0")
    }

    /// A histogram of times counted in microseconds, given in seconds.
    mutating func histogram(bounds: [UInt64], counts: [UInt64], sumMicroseconds: UInt64, _ labels: [Label] = []) {
        var total: UInt64 = 0
        for (index, count) in counts.enumerated() {
            total += count
            let bound = index < bounds.count ? Self.number(Double(bounds[index]) / 1e6) : "+Inf"
            line(labels + [("le", bound)], "_bucket", String(total))
        }
        line(labels, "_sum", Self.number(Double(sumMicroseconds) / 1e6))
        line(labels, "_count", String(total))
    }

    private mutating func line(_ labels: [Label], _ suffix: String, _ value: String) {
        text += family + suffix
        if !labels.isEmpty {
            let list = labels.map { label in
                // Of the control characters the format escapes the line feed alone.
                label.name + "=" + QuotedText.quoted(label.value) { $0 == "\n" ? "\\n" : nil }
            }
            text += "{\(list.joined(separator: ","))}"
        }
        text += " \(value)\n"
    }

    private static func number(_ value: Double) -> String {
        guard value.isFinite else {
            return value.isNaN ? "NaN" : value > 0 ? "+Inf" : "-Inf"
        }
        return value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : "\(value)"
    }
}
