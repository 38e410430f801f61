/// The fields that decide where a body ends, gathered while a head is parsed.
struct FramingFields {
    enum Failure: Error {
        case malformedLength
        case repeatedLength
        case lengthAndEncoding
        case malformedEncoding
        case unknownEncoding
    }

    private(set) var length: Int?
    private var lengthCount = 0
    private var encodingCount = 0
    private var encoding = Encoding.chunked
    private var lengthIsMalformed = false

    private enum Encoding {
        case chunked
        case malformed
        case unknown
    }

    mutating func addContentLength(_ value: UnsafeRawBufferPointer) {
        lengthCount += 1
        length = value.decimalNumber
        if length == nil { lengthIsMalformed = true }
    }

    mutating func addTransferEncoding(_ value: UnsafeRawBufferPointer) {
        encodingCount += 1
        guard !value.equalsIgnoringCase("chunked") else { return }
        var codings = 0
        var chunkedCodings = 0
        value.forEachListElement { coding in
            codings += 1
            if coding.equalsIgnoringCase("chunked") { chunkedCodings += 1 }
            return true
        }
        // A well-formed stack such as "gzip, chunked" is merely not implemented; anything else is an attempt.
        let endsChunked = value.hasSuffixIgnoringCase("chunked")
        encoding = chunkedCodings == 1 && endsChunked && codings > 1 ? .unknown : .malformed
        if chunkedCodings == 0, codings > 0 { encoding = .unknown }
    }

    /// Content-Length alone, `chunked` alone, or neither.
    func framing(allowsChunked: Bool) throws(Failure) -> BodyFraming? {
        if encodingCount > 0 {
            guard lengthCount == 0 else { throw .lengthAndEncoding }
            guard encodingCount == 1, allowsChunked, encoding != .malformed else { throw .malformedEncoding }
            guard encoding == .chunked else { throw .unknownEncoding }
            return .chunked
        }
        guard lengthCount > 0 else { return nil }
        guard !lengthIsMalformed else { throw .malformedLength }
        guard lengthCount == 1, let length else { throw .repeatedLength }
        return .length(length)
    }
}
