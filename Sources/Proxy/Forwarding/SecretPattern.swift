internal import HTTPWire

/// Finds an endpoint's credential in what the endpoint says (Horspool's search: most bytes are never looked at).
struct SecretPattern: Sendable {
    /// Shorter ones are words such as `none` or `ollama`, which a server has other reasons to write.
    private static let shortest = 8

    private let bytes: [UInt8]
    /// How far the search may go on where its window ends in this byte.
    private let shifts: [UInt8]

    /// nil where the text is too short to be a secret.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= Self.shortest else { return nil }
        self.bytes = bytes
        var shifts = [UInt8](repeating: UInt8(clamping: bytes.count), count: 256)
        for (index, byte) in bytes.dropLast().enumerated() {
            shifts[Int(byte)] = UInt8(clamping: bytes.count - 1 - index)
        }
        self.shifts = shifts
    }

    var count: Int { bytes.count }

    /// Where the secret begins in `text`, at `start` or behind it.
    func first(in text: UnsafeRawBufferPointer, from start: Int = 0) -> Int? {
        bytes.withUnsafeBytes { pattern in
            shifts.withUnsafeBufferPointer { shifts in
                let last = pattern.count - 1
                var position = start
                while position + last < text.count {
                    let end = text[position + last]
                    if end == pattern[last] {
                        var index = 0
                        while index < last, text[position + index] == pattern[index] { index += 1 }
                        if index == last { return position }
                    }
                    position += Int(shifts[Int(end)])
                }
                return nil
            }
        }
    }

    /// The secrets of an endpoint: its credential, and those of its configured headers that are one by their name.
    static func all(credential: UpstreamCredential, headers: [(name: String, value: String)]) -> [SecretPattern] {
        var texts: [String] = []
        switch credential {
        case .apiKey(let secret), .bearer(let secret): texts.append(secret)
        case .passthrough, .none: break
        }
        for (name, value) in headers where FieldNameKind.isCredential(field: name) {
            // `Bearer SECRET`, `Basic SECRET`
            texts.append(value.split(separator: " ").last.map(String.init) ?? value)
        }
        return texts.compactMap { SecretPattern($0) }
    }
}
