internal import NIOHTTP1
internal import PodiumModel
internal import Support

/// Who asks, and how that is known.
enum Caller: Sendable, Equatable, CustomStringConvertible {
    /// Over the Unix socket: the kernel says which user it is.
    case user(id: UInt32, name: String)
    /// Over TCP, from an address.
    case remote(address: String)

    var description: String {
        switch self {
        case .user(_, let name): name
        case .remote(let address): address
        }
    }
}

/// One request, read to its end.
struct ControlRequest: Sendable {
    var method: HTTPMethod
    /// Without query, still encoded.
    var path: String
    /// The part after `?`.
    var query: String
    var headers: HTTPHeaders
    var body: [UInt8]
    var caller: Caller

    init(_ head: HTTPRequestHead, body: [UInt8], caller: Caller) {
        method = head.method
        headers = head.headers
        self.body = body
        self.caller = caller
        var target = head.uri[...]
        // Absolute form (RFC 9112 §3.2.2): the authority has done its part.
        if let scheme = target.firstRange(of: "://"), target[..<scheme.lowerBound].allSatisfy(\.isLetter) {
            let rest = target[scheme.upperBound...]
            target = rest.firstIndex(where: { $0 == "/" || $0 == "?" }).map { rest[$0...] } ?? "/"
        }
        let mark = target.firstIndex(of: "?")
        path = String(target[..<(mark ?? target.endIndex)])
        query = mark.map { String(target[target.index(after: $0)...]) } ?? ""
    }

    /// A count in the query.
    ///
    /// - Throws: `CommandRefusal` when it is there and no count.
    func count(_ name: String) throws(CommandRefusal) -> UInt64? {
        for field in query.split(separator: "&") where field.hasPrefix("\(name)=") {
            let text = field.dropFirst(name.count + 1)
            guard let value = Self.wholeNumber(text) else {
                throw .malformed("\(name) is not a number from 0 on")
            }
            return value
        }
        return nil
    }

    /// A text in the query.
    ///
    /// - Throws: `CommandRefusal` when its escapes are broken.
    func text(_ name: String) throws(CommandRefusal) -> String? {
        for field in query.split(separator: "&") where field.hasPrefix("\(name)=") {
            guard let value = PercentEncoding.decode(field.dropFirst(name.count + 1)) else {
                throw .malformed("\(name) is not encoded as UTF-8")
            }
            return value
        }
        return nil
    }

    /// The revision that `If-Match` names; nil without one, or for `*`.
    func ifMatch() throws(CommandRefusal) -> UInt64? {
        guard let text = headers.first(name: "If-Match").map({ Self.trimmed($0) }), text != "*" else {
            return nil
        }
        let isQuoted = text.count >= 2 && text.first == "\"" && text.last == "\""
        guard let revision = Self.wholeNumber(isQuoted ? text.dropFirst().dropLast() : text) else {
            throw .malformed("If-Match names one revision, such as \"7\", or *")
        }
        return revision
    }

    /// Refuses a body that does not say that it is JSON.
    func requireJSON() throws(CommandRefusal) {
        let type = headers.first(name: "Content-Type").map { Self.trimmed($0.prefix { $0 != ";" }).lowercased() }
        guard type == "application/json" else {
            throw CommandRefusal(
                .unsupportedMediaType, "send JSON and say so: Content-Type: application/json (curl: --json)")
        }
    }

    /// Digits only, as many as fit: `UInt64.init` would take a sign as well.
    private static func wholeNumber(_ text: Substring) -> UInt64? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt64(text) : nil
    }

    private static func trimmed(_ text: some StringProtocol) -> Substring {
        var rest = Substring(text)
        while rest.first == " " || rest.first == "\t" { rest.removeFirst() }
        while rest.last == " " || rest.last == "\t" { rest.removeLast() }
        return rest
    }
}

extension CommandRefusal {
    static func malformed(_ detail: String) -> CommandRefusal {
        CommandRefusal(.malformedRequest, detail)
    }
}

/// What is sent back.
struct ControlAnswer: Sendable {
    enum Body: Sendable, Equatable {
        case none
        case bytes([UInt8], type: String)
        /// Server-sent events after this id, until one of the two goes away; nil: from now on.
        case events(after: UInt64?)
    }

    var status: Int
    var headers: [(name: String, value: String)] = []
    var body: Body

    init(status: Int, headers: [(name: String, value: String)] = [], body: Body = .none) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Who asks, as the client says it in a header: `NAME@ADDRESS`, either part may be missing.
struct OperatorName: Equatable {
    static let header = "Podium-Operator"
    private static let longest = 64

    var name: String?
    var address: String?

    /// Characters that have no place in a name or an address end it.
    init(_ text: String) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        name = parts.first.flatMap { Self.cleaned($0) }
        address = parts.count > 1 ? Self.cleaned(parts[1]) : nil
    }

    private static func cleaned(_ text: Substring) -> String? {
        let kept = text.prefix { character in
            character.isASCII && (character.isLetter || character.isNumber || ".:_-%".contains(character))
        }.prefix(longest)
        return kept.isEmpty ? nil : String(kept)
    }
}
