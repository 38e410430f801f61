internal import HTTPWire

/// Tells "there is no such path here" from "there is no such model here": both are 404.
///
/// What is learned from it is kept, so it has to be said in so many words.
enum UnknownPath {
    /// Longer answers are judged by their beginning.
    private static let limit = 4096

    private static let sayings: [StaticString] = [
        "not found", "not_found", "invalid url", "unknown path", "unknown endpoint", "unknown request url",
        "unrecognized request url",
        "cannot post", "no route", "no such route", "page not found", "does not exist",
    ]
    /// What else may be missing.
    private static let otherThings: [StaticString] = [
        "model", "deployment", "organization", "project", " id ", "_id", "resp_", "conversation", "prompt",
    ]

    /// - Parameters:
    ///   - status: 404 or 405
    ///   - body: the beginning of the answer's body, nil where it cannot be read
    static func isMeant(status: Int, body: UnsafeRawBufferPointer?) -> Bool {
        // 405 is about the method, and these paths are for POST.
        guard status == 404 else { return status == 405 }
        guard let body else { return false }
        guard !body.isEmpty else { return true }
        let beginning = body.slice(0..<min(body.count, limit))
        return sayings.contains { beginning.containsIgnoringCase($0) }
            && !otherThings.contains { beginning.containsIgnoringCase($0) }
    }
}

extension UnsafeRawBufferPointer {
    /// - Parameter lowercased: ASCII
    fileprivate func containsIgnoringCase(_ lowercased: StaticString) -> Bool {
        let length = lowercased.utf8CodeUnitCount
        guard count >= length else { return false }
        return (0...count - length).contains { start in
            (0..<length).allSatisfy { index in
                let byte = self[start + index]
                return (byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte) == lowercased.utf8Start[index]
            }
        }
    }
}
