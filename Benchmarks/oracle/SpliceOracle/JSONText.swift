import YAMLDocument

/// The little JSON that the oracle reads.
enum JSONText {
    static func string(_ text: String) -> String {
        var json: [UInt8] = [UInt8(ascii: "\"")]
        json.reserveCapacity(text.utf8.count + 8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): json += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): json += Array("\\n".utf8)
            case 0..<0x20: json += Array("\\u00".utf8) + [hexadecimal(byte >> 4), hexadecimal(byte & 15)]
            default: json.append(byte)
            }
        }
        json.append(UInt8(ascii: "\""))
        return String(decoding: json, as: UTF8.self)
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8 { digit < 10 ? 48 + digit : 87 + digit }

    static func list(_ items: [String]) -> String { "[" + items.joined(separator: ",") + "]" }

    static func object(_ pairs: KeyValuePairs<String, String>) -> String {
        "{" + pairs.map { string($0.key) + ":" + $0.value }.joined(separator: ",") + "}"
    }

    static func value(_ value: YAMLValue) -> String {
        switch value {
        case .null: "null"
        case .boolean(let flag): String(flag)
        case .integer(let number): String(number)
        case .string(let text): string(text)
        case .sequence(let items): list(items.map(Self.value))
        case .mapping(let pairs):
            object(["map": list(pairs.map { list([string($0.key), Self.value($0.value)]) })])
        }
    }

    static func path(_ path: YAMLPath) -> String {
        list(
            path.steps.map {
                switch $0 {
                case .key(let key): string(key)
                case .index(let index): String(index)
                }
            })
    }

    static func edit(_ edit: YAMLEdit) -> String {
        switch edit {
        case .set(let target, let new): return list([string("set"), path(target), value(new)])
        case .remove(let target): return list([string("remove"), path(target)])
        case .insertEntry(let new, let target, let index):
            return list([string("entry"), path(target), String(index), value(new)])
        case .insertKey(let key, let new, let target, let placement):
            let place =
                switch placement {
                case .first: "first"
                case .last: "last"
                case .after: "after"
                }
            return list([string("key"), path(target), string(key), value(new), string(place)])
        }
    }
}
