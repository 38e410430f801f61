internal import Configuration
internal import FoundationEssentials
internal import NIOHTTP1
internal import PodiumModel
internal import Support

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
        guard let text = headers.first(name: "If-Match").map({ $0.trimming(" ", "\t") }), text != "*" else {
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
        let type = headers.first(name: "Content-Type").map { $0.prefix { $0 != ";" }.trimming(" ", "\t").lowercased() }
        guard type == "application/json" else {
            throw CommandRefusal(
                .unsupportedMediaType, "send JSON and say so: Content-Type: application/json (curl: --json)")
        }
    }

    /// Digits only, as many as fit: `UInt64.init` would take a sign as well.
    private static func wholeNumber(_ text: Substring) -> UInt64? {
        ASCII.isDigits(text) ? UInt64(text) : nil
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

/// JSON to and from the bytes of a body.
enum JSONBody {
    static func encode(_ value: some Encodable) throws -> [UInt8] {
        Array(try encoder.encode(value))
    }

    /// A new one.
    static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    /// - Throws: `CommandRefusal` that says where the document is wrong.
    static func decode<Value: Decodable>(_ type: Value.Type, _ body: [UInt8]) throws(CommandRefusal) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch let error as EndpointPatch.UnknownKey {
            let known = EndpointField.current.map(\.documentKey).joined(separator: ", ")
            throw .invalid(
                key: SecretSigns.hiding(in: CommandRefusal.printable(error.name), behind: "***"),
                "there is no such key; an endpoint has \(known)")
        } catch let error as DecodingError {
            throw problem(error)
        } catch {
            throw .malformed("the body is not JSON")
        }
    }

    private static func problem(_ error: DecodingError) -> CommandRefusal {
        switch error {
        case .keyNotFound(let key, _):
            return .invalid(key: key.stringValue, "'\(key.stringValue)' is missing")
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            guard let field = context.codingPath.first?.stringValue else {
                return .malformed("the body has to be a JSON object")
            }
            return .invalid(key: field, "'\(field)' has to be \(words(type))")
        case .dataCorrupted(let context):
            guard let field = context.codingPath.first?.stringValue else {
                return .malformed("the body is not JSON")
            }
            return .invalid(key: field, "'\(field)' cannot be used: it is out of range or malformed")
        @unknown default:
            return .malformed("the body cannot be understood")
        }
    }

    private static func words(_ type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a text"
        case is Bool.Type: "true or false"
        case is Int.Type: "a whole number"
        case is [String].Type: "a list of texts"
        default: "a list"
        }
    }
}

extension CommandRefusal {
    /// As an answer; `Retry-After` and the like are the caller's.
    var answer: ControlAnswer {
        let bytes = (try? JSONBody.encode(self)) ?? []
        return ControlAnswer(status: status, body: .bytes(bytes, type: "application/problem+json"))
    }
}

extension ControlAnswer {
    static func json(
        _ value: some Encodable, status: Int = 200, headers: [(name: String, value: String)] = []
    ) -> ControlAnswer {
        json(status: status, headers: headers) { try JSONBody.encode(value) }
    }

    static func json(
        status: Int = 200, headers: [(name: String, value: String)] = [], _ body: () throws -> [UInt8]
    ) -> ControlAnswer {
        do {
            let headers = headers + [("Cache-Control", "no-store")]
            return ControlAnswer(status: status, headers: headers, body: .bytes(try body(), type: "application/json"))
        } catch {
            var refusal = CommandRefusal(.unavailable, "the answer cannot be written as JSON")
            refusal.status = 500
            return refusal.answer
        }
    }
}
