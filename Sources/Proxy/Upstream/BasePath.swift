internal import HTTPWire

/// The path of a base URL, as it goes before the paths of requests.
///
/// `/anthropic` + `/v1/messages` is `/anthropic/v1/messages`, and `/api/v1` + `/v1/messages` is `/api/v1/messages`: what both
/// share is not doubled. People write base URLs in two more ways, and get what they mean:
///
/// - one that ends with its own version, whatever that is called there (`/api/paas/v4`, `/v1beta/openai`), takes the place of the
///   `/v1` that clients ask for: `/api/paas/v4/chat/completions`;
/// - the whole URL of one operation (`/v1/chat/completions`) stands for the place where it lies.
struct BasePath: Sendable {
    /// Empty, or begins with `/` and does not end with one.
    let bytes: [UInt8]
    /// It ends where the API's own paths begin, so that the `/v1` of a request goes no further.
    let includesVersion: Bool

    private static let operations = ["/chat/completions", "/responses", "/messages"]
    /// Words that may be the name of anything, unless they follow a version.
    private static let vagueOperations = ["/completions", "/complete", "/embeddings", "/models"]

    /// - Parameter path: as written, without query
    init(_ path: Substring) {
        var root = path
        func dropSlashes() { while root.hasSuffix("/") { root = root.dropLast() } }
        dropSlashes()
        var isOperation = false
        for operation in Self.operations where !isOperation && root.hasSuffix(operation) {
            root = root.dropLast(operation.count)
            isOperation = true
        }
        for operation in Self.vagueOperations where !isOperation && root.hasSuffix(operation) {
            guard Self.endsWithVersion(root.dropLast(operation.count)) else { continue }
            root = root.dropLast(operation.count)
            isOperation = true
        }
        dropSlashes()
        bytes = Array(root.utf8)
        includesVersion = isOperation || Self.endsWithVersion(root)
    }

    /// `…/v1`, `…/v4`, `…/v1beta/openai`, `…/v1beta1/…/openapi`
    private static func endsWithVersion(_ path: Substring) -> Bool {
        let segments = path.split(separator: "/")
        guard let last = segments.last else { return false }
        if isVersion(last) || last == "openapi" { return true }
        return last == "openai" && segments.dropLast().last.map(isVersion) == true
    }

    private static func isVersion(_ segment: Substring) -> Bool {
        let name = segment.utf8.dropFirst()
        guard segment.first == "v", let digit = name.first, (0x30...0x39).contains(digit) else { return false }
        return name.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: ".")
        }
    }

    /// How many bytes at the beginning of a request's path this path stands for.
    ///
    /// - Parameter path: starting with `/`, without query
    func overlap(with path: UnsafeRawBufferPointer) -> Int {
        if includesVersion, Self.beginsWithVersion(path) { return 3 }
        return bytes.withUnsafeBytes { Self.overlap(base: $0, path: path) }
    }

    /// The path under which a client reaches here what an endpoint calls `path`, in two parts, nil where that lies elsewhere.
    ///
    /// - Parameter request: the path of the request that was answered
    func path(of path: UnsafeRawBufferPointer, after request: UnsafeRawBufferPointer) -> (StaticString, Range<Int>)? {
        let length = includesVersion ? bytes.count : bytes.count - overlap(with: request)
        guard path.count >= length, path.count == length || path[length] == UInt8(ascii: "/") else { return nil }
        for index in 0..<length where path[index] != bytes[index] { return nil }
        return (includesVersion ? "/v1" : "", length..<path.count)
    }

    private static func beginsWithVersion(_ path: UnsafeRawBufferPointer) -> Bool {
        path.begins(with: "/v1") && (path.count == 3 || path[3] == UInt8(ascii: "/"))
    }

    /// The longest suffix of whole segments that begins `path`.
    private static func overlap(base: UnsafeRawBufferPointer, path: UnsafeRawBufferPointer) -> Int {
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
