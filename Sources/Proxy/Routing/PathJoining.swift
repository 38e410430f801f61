/// Joins a base URL's path with a request's path without doubling what they share.
///
/// `/api/v1` + `/v1/messages` is `/api/v1/messages`; a base that already ends in the request path stands alone.
enum PathJoining {
    /// How many bytes of `path` the end of `base` already holds: the longest suffix of whole segments that begins `path`.
    ///
    /// - Parameters:
    ///   - base: empty, or starting with `/` and not ending with one
    ///   - path: starting with `/`, without query
    static func overlap(base: UnsafeRawBufferPointer, path: UnsafeRawBufferPointer) -> Int {
        var start = 0
        while start < base.count {
            let length = base.count - start
            if base[start] == UInt8(ascii: "/"), length <= path.count,
                length == path.count || path[length] == UInt8(ascii: "/"),
                matches(base, from: start, path)
            {
                return length
            }
            start += 1
        }
        return 0
    }

    private static func matches(
        _ base: UnsafeRawBufferPointer, from start: Int, _ path: UnsafeRawBufferPointer
    ) -> Bool {
        for index in 0..<base.count - start where base[start + index] != path[index] { return false }
        return true
    }
}
