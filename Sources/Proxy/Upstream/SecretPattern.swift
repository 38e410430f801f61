internal import Support
internal import HTTPWire

/// Finds an endpoint's credential in what the endpoint says. Each head of an answer is searched, so this has to cost next to
/// nothing: the C library looks for the secret's rarest byte, 32 bytes at a time, and only where it stands the rest is compared.
struct SecretPattern: Sendable {
    /// Shorter ones are words such as `none` or `ollama`, which a server has other reasons to write.
    private static let shortest = 8

    private let bytes: [UInt8]
    /// Where in the secret its byte stands that is the rarest in heads of answers.
    private let anchor: Int
    private let anchorByte: CInt

    /// nil where the text is too short to be a secret.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= Self.shortest else { return nil }
        self.bytes = bytes
        anchor = bytes.indices.min { Self.frequency(bytes[$0]) < Self.frequency(bytes[$1]) } ?? 0
        anchorByte = CInt(bytes[anchor])
    }

    /// How common a byte is in heads of answers, roughly.
    private static func frequency(_ byte: UInt8) -> Int {
        switch byte {
        case UInt8(ascii: "e"), UInt8(ascii: "t"), UInt8(ascii: "a"), UInt8(ascii: "n"), UInt8(ascii: "o"),
            UInt8(ascii: "i"), UInt8(ascii: "r"), UInt8(ascii: "s"), UInt8(ascii: "-"), UInt8(ascii: " "):
            5
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "c"), UInt8(ascii: "d"), UInt8(ascii: "l"): 4
        case UInt8(ascii: "q"), UInt8(ascii: "j"), UInt8(ascii: "z"): 1
        case UInt8(ascii: "a")...UInt8(ascii: "z"): 3
        case UInt8(ascii: "C"), UInt8(ascii: "T"), UInt8(ascii: "D"), UInt8(ascii: "G"), UInt8(ascii: "M"),
            UInt8(ascii: "S"), UInt8(ascii: "X"), UInt8(ascii: "R"), UInt8(ascii: "/"), UInt8(ascii: ":"):
            2
        default: 0
        }
    }

    var count: Int { bytes.count }

    /// Where the secret begins in `text`, at `start` or behind it.
    func first(in text: UnsafeRawBufferPointer, from start: Int = 0) -> Int? {
        guard let base = text.baseAddress, start + bytes.count <= text.count else { return nil }
        return bytes.withUnsafeBytes { pattern in
            // Where the anchor may stand, so that the whole secret has room around it.
            var place = start + anchor
            let end = text.count - (pattern.count - 1 - anchor)
            while place < end, let found = memchr(base + place, anchorByte, end - place) {
                let position = UnsafeRawPointer(found) - base - anchor
                if let secret = pattern.baseAddress, memcmp(base + position, secret, pattern.count) == 0 {
                    return position
                }
                place = position + anchor + 1
            }
            return nil
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
