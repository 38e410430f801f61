internal import HTTPWire

/// What a request asks for, judged by method and path: which answers of an endpoint can be compared with which.
enum RequestKind: Equatable {
    /// An answer of a model: its time is what endpoints are ranked by.
    case inference
    /// Other work: embeddings, images, files. Whether it succeeds says something about the endpoint, how long it takes does not.
    case work
    /// A question about what there is: the models, a file, the length of a prompt. It says nothing about how well the endpoint
    /// does its work.
    case lookup

    private static let inferences: [StaticString] = [
        "/messages", "/chat/completions", "/completions", "/responses", "/complete", ":generateContent",
        ":streamGenerateContent",
    ]

    /// - Parameter path: the request target's path, without query
    init(method: UnsafeRawBufferPointer, path: UnsafeRawBufferPointer) {
        guard method.count == 4, method.begins(with: "POST") else {
            self = .lookup
            return
        }
        // Nearly all requests, without a walk through the list.
        if path.equals("/v1/messages") || path.equals("/v1/chat/completions") || path.equals("/v1/responses") {
            self = .inference
            return
        }
        if Self.inferences.contains(where: { Self.ends(path, with: $0) }) {
            self = .inference
        } else {
            self = Self.ends(path, with: "/count_tokens") ? .lookup : .work
        }
    }

    private static func ends(_ path: UnsafeRawBufferPointer, with suffix: StaticString) -> Bool {
        let length = suffix.utf8CodeUnitCount
        return path.count >= length && path.slice(path.count - length..<path.count).begins(with: suffix)
    }
}
