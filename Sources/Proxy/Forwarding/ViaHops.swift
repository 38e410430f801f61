internal import HTTPWire

/// Finds requests that go in a circle: an endpoint's URL may lead back here by ways that no configuration shows.
enum ViaHops {
    /// The name under which this proxy stands in `Via`.
    private static let pseudonym: StaticString = "podium"
    /// More visits than these are a circle; a chain of several Podiums is not.
    static let limit = 8

    /// How often the value of a `Via` field (`1.1 podium, HTTP/1.1 other (comment)`) names this proxy.
    static func ofOurs(_ value: UnsafeRawBufferPointer) -> Int {
        var count = 0
        value.forEachListElement { hop in
            let end = hop.firstIndex(of: UInt8(ascii: "(")) ?? hop.count
            let words = hop.slice(0..<end).trimmed
            let nameStart = words.lastIndex { $0 == 0x20 || $0 == 0x09 }.map { $0 + 1 } ?? words.count
            if words.slice(nameStart..<words.count).equalsIgnoringCase(pseudonym) { count += 1 }
            return true
        }
        return count
    }
}
