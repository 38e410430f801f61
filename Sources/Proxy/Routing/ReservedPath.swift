/// The paths that Podium keeps to itself: they never reach an endpoint, whose key a stranger could spend with them.
enum ReservedPath {
    /// - Parameter target: a path, with or without query.
    static func contains(_ target: UnsafeRawBufferPointer) -> Bool {
        guard target.count > 1 else { return false }
        // Nearly every path begins with `/v1`.
        switch target[1] {
        case UInt8(ascii: "a"): return matches(target, "/admin", orBelow: true)
        case UInt8(ascii: "h"): return matches(target, "/healthz")
        case UInt8(ascii: "m"): return matches(target, "/metrics")
        case UInt8(ascii: "r"): return matches(target, "/readyz")
        default: return false
        }
    }

    private static func matches(
        _ target: UnsafeRawBufferPointer, _ path: StaticString, orBelow: Bool = false
    ) -> Bool {
        let length = path.utf8CodeUnitCount
        guard target.count >= length else { return false }
        for index in 0..<length where target[index] != path.utf8Start[index] { return false }
        guard target.count > length else { return true }
        return target[length] == UInt8(ascii: "?") || (orBelow && target[length] == UInt8(ascii: "/"))
    }
}
