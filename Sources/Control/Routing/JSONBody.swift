internal import Configuration
internal import PodiumModel
internal import FoundationEssentials

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
