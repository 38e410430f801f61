/// Which requests are sent to an endpoint that was not measured lately, so that one that has become faster is noticed.
///
/// An endpoint without traffic has a time that is presumed or old. A leader that is slow from the start would stay first for ever, since
/// nothing else is known. So of the requests that begin a session, a share goes to another endpoint first: of each run of 1 / share requests
/// one, at random which, and none of the first run. So never more than that share of the requests so far were sent elsewhere, and whatever
/// is faster has been measured after two runs for each of the endpoints before it.
///
/// Pure: randomness and ages come in as arguments.
public struct Exploration: Sendable {
    /// An endpoint that was measured within this time needs no look.
    public static let lately = Duration.seconds(60)

    private static let longestRun = 1e9

    /// Requests of the present run.
    private var count = 0
    private var length = 0
    /// Which of them it is.
    private var chosen = -1
    private var hasBegun = false

    /// Before the first request.
    public init() {}

    /// Whether it is this request's turn to look at another endpoint. One that cannot, as its session runs already, is not made up for.
    ///
    /// - Parameter share: of 1; 0 is none
    public mutating func isTurn(share: Double, random: () -> UInt64) -> Bool {
        guard share > 0 else { return false }
        if count >= length {
            length = max(1, Int(min(1 / share, Self.longestRun).rounded(.up)))
            chosen = hasBegun ? Int(random() % UInt64(length)) : -1
            hasBegun = true
            count = 0
        }
        count += 1
        return count - 1 == chosen
    }

    /// Which endpoint is looked at: the one that was measured longest ago, of equal ones the first.
    ///
    /// - Parameter ages: how long ago each of them was measured, or looked at in vain; nil: never
    /// - Returns: its index; nil where all were measured lately
    public static func choice(among ages: [Duration?]) -> Int? {
        var best: (index: Int, age: Duration)?
        for (index, age) in ages.enumerated() {
            guard let age else { return index }
            if age >= lately, age > best?.age ?? .zero { best = (index, age) }
        }
        return best?.index
    }
}
