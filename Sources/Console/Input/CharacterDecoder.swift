/// How the bytes of a session become characters, as its locale says.
public struct CharacterDecoder: Sendable {
    /// What some bytes from the beginning of a character are.
    public enum Step: Sendable, Equatable {
        case character(Unicode.Scalar)
        /// More bytes have to come.
        case incomplete
        /// No character begins so.
        case invalid
    }

    let step: @Sendable ([UInt8]) -> Step

    /// - Parameter step: Judges the bytes of one character that came so far, at least one; the first is above 0x7F, since what
    ///   is below stands for itself everywhere.
    public init(_ step: @escaping @Sendable ([UInt8]) -> Step) {
        self.step = step
    }

    /// RFC 3629.
    public static let utf8 = CharacterDecoder { bytes in
        guard let first = bytes.first else { return .incomplete }
        let length: Int
        switch first {
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF: length = 3
        case 0xF0...0xF4: length = 4
        default: return .invalid
        }
        guard bytes.count <= length, bytes.dropFirst().allSatisfy({ 0x80...0xBF ~= $0 }) else { return .invalid }
        if bytes.count > 1 {
            // Overlong forms, surrogates and what is beyond Unicode.
            switch (first, bytes[1]) {
            case (0xE0, ..<0xA0), (0xED, 0xA0...), (0xF0, ..<0x90), (0xF4, 0x90...): return .invalid
            default: break
            }
        }
        guard bytes.count == length else { return .incomplete }
        let start = UInt32(first) & (length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07)
        let value = bytes.dropFirst().reduce(start) { $0 << 6 | UInt32($1 & 0x3F) }
        return Unicode.Scalar(value).map { .character($0) } ?? .invalid
    }
}

/// Puts the bytes of characters together.
struct CharacterReader: Sendable {
    private let decoder: CharacterDecoder
    private var partial: [UInt8] = []

    init(decoder: CharacterDecoder) {
        self.decoder = decoder
    }

    /// What is begun does not come to its end any more.
    mutating func reset() {
        partial = []
    }

    /// The character that this byte completes. Bytes that are none are dropped, but for those that no character of the
    /// session begins with and that are control characters of eight bits.
    mutating func add(_ byte: UInt8) -> Unicode.Scalar? {
        if byte < 0x80, partial.isEmpty || byte < 0x20 {
            partial = []
            return Unicode.Scalar(byte)
        }
        partial.append(byte)
        switch decoder.step(partial) {
        case .incomplete: return nil
        case .character(let scalar):
            partial = []
            return scalar
        case .invalid:
            let isFirst = partial.count == 1
            partial = []
            // The one before was cut off; this byte begins another.
            guard isFirst else { return add(byte) }
            return (0x80...0x9F).contains(byte) ? Unicode.Scalar(byte) : nil
        }
    }
}
