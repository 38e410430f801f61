internal import HTTPWire

/// One input of the fuzzer: what is read, and the bytes.
///
/// A file begins with the letter of its kind and a line feed, so that seeds can be written and read by hand. A tab in
/// place of the line feed asks for limits that a short input can exceed.
public struct WireInput: Sendable {
    enum Kind: UInt8, CaseIterable, Sendable {
        case requests = 0x71  // q
        case responses = 0x72  // r
        /// Responses to HEAD requests.
        case responsesToHEAD = 0x68  // h
        /// A chunked request body; the head that announces it is added.
        case chunks = 0x63  // c
    }

    let kind: Kind
    let hasTightLimits: Bool
    let bytes: [UInt8]

    private static let chunkedHead = Array("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)

    /// Any bytes are an input; too short ones are an empty request.
    public init(_ file: UnsafeRawBufferPointer) {
        let letter = file.first ?? 0
        kind = Kind(rawValue: letter) ?? Kind.allCases[Int(letter) % Kind.allCases.count]
        hasTightLimits = file.count > 1 && file[1] & 1 == 1
        let rest = file.dropFirst(2)
        bytes = kind == .chunks ? Self.chunkedHead + rest : Array(rest)
    }

    var limits: HTTPLimits {
        guard hasTightLimits else { return .init() }
        var limits = HTTPLimits()
        limits.startLine = 44
        limits.fieldLine = 32
        limits.fieldCount = 3
        limits.head = 130
        limits.chunkLine = 8
        limits.chunkExtensionTotal = 14
        limits.trailers = 20
        return limits
    }

    var isRequests: Bool { kind == .requests || kind == .chunks }
}
