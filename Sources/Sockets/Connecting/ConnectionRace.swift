internal import NIOCore

/// Which of several addresses to connect to, and when (RFC 8305, "happy eyeballs").
///
/// Pure: addresses are numbers here; the owner does what it is told.
struct ConnectionRace {
    enum Action: Equatable {
        case connect(Int)
        /// The next address is tried when this attempt has taken too long, unless it fails first.
        case awaitNext
        /// All have failed.
        case giveUp
    }

    /// RFC 8305, section 8.
    static let delay = TimeAmount.milliseconds(250)

    private var next = 0
    private var running = 0
    private let count: Int

    init(count: Int) {
        self.count = count
    }

    mutating func begin() -> [Action] { tryNext() }

    /// The present attempt has had its time alone.
    mutating func delayElapsed() -> [Action] { next < count ? tryNext() : [] }

    mutating func failed() -> [Action] {
        running -= 1
        if next < count { return tryNext() }
        return running == 0 ? [.giveUp] : []
    }

    private mutating func tryNext() -> [Action] {
        guard next < count else { return [.giveUp] }
        defer {
            next += 1
            running += 1
        }
        return next + 1 < count ? [.connect(next), .awaitNext] : [.connect(next)]
    }

    /// The families take turns, beginning with that of the first address: the system has sorted them.
    static func order(_ addresses: [SocketAddress]) -> [SocketAddress] {
        guard let family = addresses.first?.protocol else { return [] }
        let (preferred, other) = (
            addresses.filter { $0.protocol == family }, addresses.filter { $0.protocol != family }
        )
        var ordered: [SocketAddress] = []
        for index in 0..<max(preferred.count, other.count) {
            if index < preferred.count { ordered.append(preferred[index]) }
            if index < other.count { ordered.append(other[index]) }
        }
        return ordered
    }
}
