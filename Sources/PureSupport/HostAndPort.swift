/// A host with an optional port as URLs and settings write them: `host`, `host:port`, `[::1]:port`.
public struct HostAndPort: Sendable, Equatable {
    /// A name or an address; an IPv6 address without its brackets.
    public var host: String
    /// nil where none is written.
    public var port: Int?

    /// What is wrong with a text. Callers say it in their own words, since some of them must not show the text.
    public enum Problem: Error, Equatable, Sendable {
        /// A bracket is opened and not closed.
        case noClosingBracket
        /// Behind the bracket stands something else than a port.
        case textBehindBracket
        /// The text between the brackets.
        case notIPv6(String)
        /// More than one colon without brackets.
        case severalPorts
        /// There is nothing before the port.
        case missingHost
        /// The text before the port.
        case notHostName(String)
        /// The text behind the colon.
        case notPort(String)
    }

    /// Reads the text.
    public init(_ text: some StringProtocol) throws(Problem) {
        let portText: String?
        if text.first == "[" {
            guard let bracket = text.firstIndex(of: "]") else { throw .noClosingBracket }
            host = String(text[text.index(after: text.startIndex)..<bracket])
            let rest = text[text.index(after: bracket)...]
            guard rest.isEmpty || rest.first == ":" else { throw .textBehindBracket }
            guard Self.isIPv6(host) else { throw .notIPv6(host) }
            portText = rest.isEmpty ? nil : String(rest.dropFirst())
        } else {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2 else { throw .severalPorts }
            host = String(parts.first ?? "")
            portText = parts.count == 2 ? String(parts[1]) : nil
            guard !host.isEmpty else { throw .missingHost }
            guard Self.isHostName(host) else { throw .notHostName(host) }
        }
        guard let portText else { return }
        guard let port = Self.port(portText) else { throw .notPort(portText) }
        self.port = port
    }

    /// A port that can be connected to: digits alone, from 1 to 65535.
    public static func port(_ text: String) -> Int? {
        guard ASCII.isDigits(text), let number = Int(text), (1...65_535).contains(number) else {
            return nil
        }
        return number
    }

    /// Whether the text could be the name of a host, or an IPv4 address.
    public static func isHostName(_ text: String) -> Bool {
        text.utf8.count <= 253
            && text.utf8.allSatisfy { ASCII.isDigit($0) || ASCII.isLetter($0) || "-._".utf8.contains($0) }
            && !text.hasPrefix(".") && !text.contains("..")
    }

    /// Whether the text is an IPv6 address, with a zone or without.
    public static func isIPv6(_ text: String) -> Bool {
        let address = text.prefix { $0 != "%" }
        guard address.contains(":") else { return false }
        let halves = address.split(separator: "::", omittingEmptySubsequences: false)
        guard halves.count <= 2 else { return false }
        var groups = 0
        for half in halves where !half.isEmpty {
            for group in half.split(separator: ":", omittingEmptySubsequences: false) {
                if group.contains(".") {
                    groups += 2
                } else {
                    guard (1...4).contains(group.count), group.allSatisfy(\.isHexDigit) else { return false }
                    groups += 1
                }
            }
        }
        return halves.count == 2 ? groups < 8 : groups == 8
    }

    /// The host as it stands in URLs and in `Host` fields: an IPv6 address in brackets.
    public static func bracketed(_ host: String) -> String { host.contains(":") ? "[\(host)]" : host }

    /// Whether a host leads back to this machine alone: `localhost` and the addresses of the loopback interface.
    public static func isLoopback(_ host: String) -> Bool {
        let host = host.lowercased()
        return host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }
}
