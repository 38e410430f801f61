extension RequestHead {
    /// Sorts the target by its form (RFC 9112 §3.2).
    mutating func splitTarget(_ bytes: UnsafeRawBufferPointer, _ target: Range<Int>) throws(RequestHeadError) {
        let text = bytes.slice(target)
        guard !text.contains(UInt8(ascii: "#")) else { throw .malformedRequestLine }
        let methodBytes = bytes.slice(method)
        if methodBytes.equals("CONNECT") {
            guard Self.isHost(text) else { throw .malformedRequestLine }
            setTarget(.authority, pathAndQuery: target, authority: target)
        } else if text[0] == UInt8(ascii: "/") {
            setTarget(.origin, pathAndQuery: target, authority: 0..<0)
        } else if text.count == 1, text[0] == UInt8(ascii: "*") {
            guard methodBytes.equals("OPTIONS") else { throw .malformedRequestLine }
            setTarget(.asterisk, pathAndQuery: target, authority: 0..<0)
        } else {
            try splitAbsolute(text, offset: target.lowerBound)
        }
    }

    private mutating func splitAbsolute(_ text: UnsafeRawBufferPointer, offset: Int) throws(RequestHeadError) {
        let schemeLength: Int
        if text.hasPrefixIgnoringCase("http"), text.count > 7, text.slice(4..<7).elementsEqual("://".utf8) {
            schemeLength = 7
        } else if text.hasPrefixIgnoringCase("https"), text.count > 8, text.slice(5..<8).elementsEqual("://".utf8) {
            schemeLength = 8
        } else {
            throw .malformedRequestLine
        }
        var end = schemeLength
        while end < text.count, text[end] != UInt8(ascii: "/"), text[end] != UInt8(ascii: "?") { end += 1 }
        guard end > schemeLength, Self.isHost(text.slice(schemeLength..<end)) else { throw .malformedRequestLine }
        setTarget(
            .absolute, pathAndQuery: offset + end..<offset + text.count, authority: offset + schemeLength..<offset + end
        )
    }

    /// `HTTP/1.0`, or `HTTP/1.1` and what is said to be compatible with it: a higher minor version is processed as the
    /// highest that is known here (RFC 9110 §2.5).
    static func version(_ text: UnsafeRawBufferPointer) throws(RequestHeadError) -> UInt8 {
        guard text.begins(with: "HTTP/"), text[6] == UInt8(ascii: ".") else {
            throw .malformedRequestLine
        }
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard digits.contains(text[5]), digits.contains(text[7]) else { throw .malformedRequestLine }
        guard text[5] == UInt8(ascii: "1") else { throw .unsupportedVersion }
        return min(text[7] - UInt8(ascii: "0"), 1)
    }

    /// Refuses what can no longer become a version and a line's end: with a line that is too short there may be nothing
    /// left to wait for.
    static func checkVersionPrefix(_ bytes: UnsafeRawBufferPointer, from start: Int) throws(RequestHeadError) {
        for (index, expected) in "HTTP/0.0\r\n".utf8.enumerated() where start + index < bytes.count {
            let byte = bytes[start + index]
            let isDigit = byte >= 0x30 && byte <= 0x39
            guard expected == 0x30 ? isDigit : byte == expected else {
                throw byte == 0x0A && bytes[start + index - 1] != 0x0D ? .bareLineFeed : .malformedRequestLine
            }
        }
    }

    /// `uri-host [":" port]`, roughly: nothing that could be read as another authority, a list or a path.
    static func isHost(_ value: UnsafeRawBufferPointer) -> Bool {
        value.allSatisfy { CharacterClass.isHostCharacter($0) }
    }

    static func requestError(_ failure: FieldSection.Failure) -> RequestHeadError {
        switch failure {
        case .incomplete, .tooLarge: .headTooLarge
        case .bareLineFeed: .bareLineFeed
        case .malformedName: .malformedFieldName
        case .malformedValue: .malformedFieldValue
        case .folded: .foldedField
        case .tooMany: .tooManyFields
        }
    }

    static func requestError(_ failure: FramingFields.Failure) -> RequestHeadError {
        switch failure {
        case .malformedLength: .malformedContentLength
        case .repeatedLength: .repeatedContentLength
        case .lengthAndEncoding: .lengthAndEncoding
        case .malformedEncoding: .malformedTransferEncoding
        case .unknownEncoding: .unknownTransferCoding
        }
    }
}
