/// The wait before a failed write is tried again: 1, 2, 4 … 60 seconds, each shortened by up to a fifth at random so that
/// many processes on one full disk do not try in step.
enum Backoff {
    static let first = Duration.seconds(1)
    static let longest = Duration.seconds(60)

    static func delay(afterFailures failures: Int, random: Double) -> Duration {
        // 1 << 6 seconds is past the longest already.
        let doubled = first * (1 << min(max(failures, 1) - 1, 6))
        return min(doubled, longest) * (1 - 0.2 * min(max(random, 0), 1))
    }
}
