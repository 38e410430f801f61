internal import HTTPWire

/// Fields that a Connection header declares to belong to one connection (RFC 9110 §7.6.1).
enum ConnectionNames {
    static func contain(_ name: UnsafeRawBufferPointer, _ fields: FieldSection, _ bytes: UnsafeRawBufferPointer) -> Bool
    {
        for line in fields.lines where line.known == .connection {
            var found = false
            bytes.slice(line.value).forEachListElement { element in
                found = element.equalsIgnoringCase(name)
                return !found
            }
            if found { return true }
        }
        return false
    }
}

extension UnsafeRawBufferPointer {
    /// Compares two field names; both have to be tokens.
    func equalsIgnoringCase(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where self[index].asciiLowercased != other[index].asciiLowercased { return false }
        return true
    }

    func equalsIgnoringCase(_ lowercased: [UInt8]) -> Bool {
        guard count == lowercased.count else { return false }
        return lowercased.withUnsafeBytes { equalsIgnoringCase($0) }
    }
}

extension UInt8 {
    fileprivate var asciiLowercased: UInt8 { self >= 0x41 && self <= 0x5A ? self | 0x20 : self }
}
