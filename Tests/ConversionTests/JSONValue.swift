import Foundation

/// A JSON value that can be compared, read by Foundation and so by another reader than the one that is tested.
enum JSONValue: Equatable {
    case object([String: JSONValue])
    case array([JSONValue])
    case string(String)
    case number(Double)
    case flag(Bool)
    case null

    init(_ text: String) throws {
        self = Self.value(try JSONSerialization.jsonObject(with: Data(text.utf8), options: [.fragmentsAllowed]))
    }

    init(_ bytes: [UInt8]) throws { try self.init(String(decoding: bytes, as: UTF8.self)) }

    private static func value(_ any: Any) -> JSONValue {
        switch any {
        case let object as [String: Any]: .object(object.mapValues(value))
        case let array as [Any]: .array(array.map(value))
        case let text as String: .string(text)
        case let number as NSNumber:
            CFBoolean(number) ?? .number(number.doubleValue)
        default: .null
        }
    }

    private static func CFBoolean(_ number: NSNumber) -> JSONValue? {
        String(cString: number.objCType) == "c" ? .flag(number.boolValue) : nil
    }

    subscript(_ name: String) -> JSONValue? { if case .object(let members) = self { members[name] } else { nil } }
    subscript(_ index: Int) -> JSONValue? {
        if case .array(let elements) = self, elements.indices.contains(index) { elements[index] } else { nil }
    }
    var text: String? { if case .string(let text) = self { text } else { nil } }
    var count: Int? { if case .number(let number) = self { Int(number) } else { nil } }
    var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }
}
