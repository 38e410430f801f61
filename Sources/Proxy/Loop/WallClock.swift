internal import Support

/// The time of day to the second, for the dates in refusals.
enum WallClock {
    static func unixTime() -> Double {
        Double(time(nil))
    }
}
