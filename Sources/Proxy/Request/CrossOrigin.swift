internal import HTTPWire

/// What a browser has to be told before a page of another origin may ask here and read the answers (CORS, the Fetch standard).
///
/// Written for pages that may come here alone. Credentials in the browser's sense (cookies) are never allowed: a page presents
/// its token itself.
enum CrossOrigin {
    /// The names beside the star are for older browsers, which do not know it.
    private static let exposed: StaticString =
        "\r\nAccess-Control-Expose-Headers: *, X-Request-ID, Request-ID, Retry-After, Retry-After-Ms\r\nVary: Origin\r\n"
    private static let methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    /// Browsers remember a preflight for two hours at most.
    private static let maximumAge = 7200

    /// The fields of an answer that a page of this origin may read.
    static func writeFields(for origin: UnsafeRawBufferPointer, to writer: inout WireWriter) {
        writer.write("Access-Control-Allow-Origin: ")
        writer.write(origin)
        writer.write(exposed)
    }

    static func fields(for origin: UnsafeRawBufferPointer) -> String {
        "Access-Control-Allow-Origin: \(String(decoding: origin, as: UTF8.self))\(exposed)"
    }

    /// Whether the request is the question that a browser asks before the page's own (`OPTIONS`, which carries no token).
    static func isPreflight(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.slice(head.method).equals("OPTIONS") && value("access-control-request-method", head, bytes) != nil
    }

    /// - Parameter bytes: a preflight's head
    static func preflightAnswer(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> LocalAnswer {
        var answer = LocalAnswer(status: 204, message: "")
        answer.fields = "Access-Control-Allow-Methods: \(methods)\r\nAccess-Control-Max-Age: \(maximumAge)\r\n"
        if let names = value("access-control-request-headers", head, bytes), isList(names) {
            answer.fields += "Access-Control-Allow-Headers: \(String(decoding: names, as: UTF8.self))\r\n"
        }
        // A page on the internet that asks a machine of a private network.
        if value("access-control-request-private-network", head, bytes)?.equalsIgnoringCase("true") == true {
            answer.fields += "Access-Control-Allow-Private-Network: true\r\n"
        }
        answer.fields += "Vary: Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
        return answer
    }

    private static func value(
        _ name: StaticString, _ head: RequestHead, _ bytes: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        head.fields.lines.first { $0.known == .accessControl && bytes.slice($0.name).equalsIgnoringCase(name) }
            .map { bytes.slice($0.value) }
    }

    /// Field names, commas and blanks: nothing else is repeated.
    private static func isList(_ names: UnsafeRawBufferPointer) -> Bool {
        names.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: ","), 0x20:
                true
            default: false
            }
        }
    }
}
