internal import HTTPWire
internal import Support

/// Leaves the credentials out of a client's query: `?key=`, `?api_key=`, `?access_token=` are ways to present one.
enum QueryFilter {
    /// Whether anything has to be left out. Nearly every query is short, and holds none.
    ///
    /// - Parameters:
    ///   - query: without the `?`
    ///   - tokens: those that admit clients here, which no endpoint gets; nil: every credential is left out
    static func applies(to query: UnsafeRawBufferPointer, tokens: ClientTokens?) -> Bool {
        var found = false
        forEachParameter(of: query) { parameter in
            found = isWithheld(parameter, tokens)
            return !found
        }
        return found
    }

    /// Writes what may pass, in its order, beginning with `first` where there is anything.
    static func write(
        _ query: UnsafeRawBufferPointer, tokens: ClientTokens?, first: StaticString, to writer: inout WireWriter
    ) {
        var isFirst = true
        forEachParameter(of: query) { parameter in
            guard !isWithheld(parameter, tokens) else { return true }
            writer.write(isFirst ? first : "&")
            writer.write(parameter)
            isFirst = false
            return true
        }
    }

    /// Calls `body` with each `name=value` until it returns false. Some servers part them at `;` as well.
    private static func forEachParameter(of query: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Bool) {
        var start = 0
        while start < query.count {
            var end = start
            while end < query.count, query[end] != UInt8(ascii: "&"), query[end] != UInt8(ascii: ";") { end += 1 }
            if end > start, !body(query.slice(start..<end)) { return }
            start = end + 1
        }
    }

    private static func isWithheld(_ parameter: UnsafeRawBufferPointer, _ tokens: ClientTokens?) -> Bool {
        let nameEnd = parameter.firstIndex(of: UInt8(ascii: "=")) ?? parameter.count
        guard let tokens else {
            return decoded(parameter.slice(0..<nameEnd)) { FieldNameKind.isCredential(parameter: $0) }
        }
        guard nameEnd < parameter.count else { return false }
        return decoded(parameter.slice(nameEnd + 1..<parameter.count)) { tokens.contain($0) }
    }

    private static func decoded<Result>(
        _ text: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        guard text.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else { return body(text) }
        return withUnsafeTemporaryAllocation(byteCount: text.count, alignment: 1) { buffer in
            var count = 0
            var index = 0
            while index < text.count {
                if text[index] == UInt8(ascii: "%"), index + 2 < text.count,
                    let high = ASCII.hexadecimalValue(text[index + 1]),
                    let low = ASCII.hexadecimalValue(text[index + 2])
                {
                    buffer[count] = high << 4 | low
                    index += 3
                } else {
                    buffer[count] = text[index] == UInt8(ascii: "+") ? 0x20 : text[index]
                    index += 1
                }
                count += 1
            }
            return body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}
