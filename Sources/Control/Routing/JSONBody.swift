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

    /// - Throws: `ControlProblem` that says where the document is wrong.
    static func decode<Value: Decodable>(_ type: Value.Type, _ body: [UInt8]) throws(ControlProblem) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch let error as EndpointPatch.UnknownKey {
            let known = EndpointField.current.map(\.documentKey).joined(separator: ", ")
            throw .invalid(
                SecretSigns.hiding(in: printable(error.name), behind: "***"),
                "there is no such key; an endpoint has \(known)")
        } catch let error as DecodingError {
            throw problem(error)
        } catch {
            throw .malformed("the body is not JSON")
        }
    }

    private static func problem(_ error: DecodingError) -> ControlProblem {
        switch error {
        case .keyNotFound(let key, _):
            return .invalid(key.stringValue, "'\(key.stringValue)' is missing")
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            guard let field = context.codingPath.first?.stringValue else {
                return .malformed("the body has to be a JSON object")
            }
            return .invalid(field, "'\(field)' has to be \(words(type))")
        case .dataCorrupted(let context):
            guard let field = context.codingPath.first?.stringValue else {
                return .malformed("the body is not JSON")
            }
            return .invalid(field, "'\(field)' cannot be used: it is out of range or malformed")
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

    /// What a request says stands in an answer without steering anybody's terminal.
    static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix(64).filter { $0.properties.generalCategory != .control }))
    }
}

extension ControlProblem {
    static func invalid(_ field: String, _ detail: String) -> ControlProblem {
        ControlProblem(.invalidField, status: 422, detail: detail, field: field)
    }

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
            return ControlProblem(.unavailable, status: 500, detail: "the answer cannot be written as JSON").answer
        }
    }
}
