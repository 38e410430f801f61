#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The time of day to the second, for the dates in refusals.
enum WallClock {
    static func unixTime() -> Double {
        Double(time(nil))
    }
}
