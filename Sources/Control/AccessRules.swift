internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import PodiumModel
internal import Proxy
internal import Support

/// Who may ask what over TCP. Pure.
struct AccessRules: Sendable {
    /// nil: the control API is not served over TCP.
    var token: String?
    /// What a `Host` may name besides addresses.
    var hostNames: [String]

    enum Verdict: Equatable {
        case owner
        /// Nothing was proved; enough for routes that anybody may ask.
        case anybody
    }

    func judge(_ headers: HTTPHeaders) throws(CommandRefusal) -> Verdict {
        let presented = Self.bearer(headers)
        let isOwner = presented.map(admits) ?? false
        // Who has the token may come by any name: a page that was led here by a name of its own does not know it.
        if !isOwner { try checkHost(headers) }
        try checkOrigin(headers)
        guard isOwner || presented == nil || token?.isEmpty ?? true else {
            throw .unauthorized("the admin token is wrong")
        }
        return isOwner ? .owner : .anybody
    }

    /// Whether it is the admin token.
    func admits(_ presented: String) -> Bool {
        guard let token else { return false }
        return Array(presented.utf8).withUnsafeBytes { SecretComparison.isEqual($0, Array(token.utf8)) }
    }

    /// Names that lead here from outside the operator's control would let a web page read what a browser here may read
    /// (DNS rebinding).
    private func checkHost(_ headers: HTTPHeaders) throws(CommandRefusal) {
        let hosts = headers["Host"]
        guard hosts.count == 1, isOurs(hosts[0]) else {
            throw CommandRefusal(
                .forbidden,
                "without the admin token the control API is reached by an address, localhost or this machine's "
                    + "own name")
        }
    }

    /// A page of another origin has no business here at all.
    private func checkOrigin(_ headers: HTTPHeaders) throws(CommandRefusal) {
        let host = headers.first(name: "Host") ?? ""
        for origin in headers["Origin"] where origin != "http://\(host)" && origin != "https://\(host)" {
            throw CommandRefusal(.forbidden, "pages of another origin may not use the control API")
        }
    }

    private func isOurs(_ host: String) -> Bool {
        Array(host.utf8).withUnsafeBytes { BrowserRules(hosts: hostNames).admits(host: $0) }
    }

    private static func bearer(_ headers: HTTPHeaders) -> String? {
        let values = headers["Authorization"]
        guard values.count == 1, let value = values.first, value.count > 7, value.prefix(7).lowercased() == "bearer "
        else {
            return nil
        }
        return String(value.dropFirst(7).drop { $0 == " " })
    }
}

extension CommandRefusal {
    static func unauthorized(_ detail: String) -> CommandRefusal {
        CommandRefusal(.unauthorized, detail)
    }
}

/// The user at the other end of a Unix socket, as the kernel says.
enum PeerUser {
    /// nil when the kernel does not tell.
    static func id(of channel: any Channel) -> uid_t? {
        guard let options = channel as? any SocketOptionProvider else {
            return nil
        }
        let credentials: EventLoopFuture<Credentials> = options.unsafeGetSocketOption(
            level: .init(rawValue: SOL_SOCKET), name: .init(rawValue: SO_PEERCRED))
        return (try? credentials.nowOrNil())?.user
    }

    /// `struct ucred`
    private struct Credentials {
        var process: pid_t
        var user: uid_t
        var group: gid_t
    }

    /// The name of a user, or `uid 1000` for one without.
    static func name(_ user: uid_t) -> String {
        var entry = passwd()
        var result: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 4_096)
        guard getpwuid_r(user, &entry, &buffer, buffer.count, &result) == 0, result != nil else {
            return "uid \(user)"
        }
        return String(cString: entry.pw_name)
    }
}

extension EventLoopFuture {
    /// The value, where the future is complete already: on its own event loop, options are read at once.
    fileprivate func nowOrNil() throws -> Value? where Value: Sendable {
        eventLoop.preconditionInEventLoop()
        let box = NIOLoopBoundBox<Result<Value, any Error>?>(nil, eventLoop: eventLoop)
        whenComplete { box.value = $0 }
        return try box.value?.get()
    }
}

/// Who asks, and how that is known.
enum Caller: Sendable, Equatable, CustomStringConvertible {
    /// Over the Unix socket: the kernel says which user it is.
    case user(id: UInt32, name: String)
    /// Over TCP, from an address.
    case remote(address: String)

    var description: String {
        switch self {
        case .user(_, let name): name
        case .remote(let address): address
        }
    }
}

/// Who asks, as the client says it in a header: `NAME@ADDRESS`, either part may be missing.
struct OperatorName: Equatable {
    static let header = "Podium-Operator"
    private static let longest = 64

    var name: String?
    var address: String?

    /// Characters that have no place in a name or an address end it.
    init(_ text: String) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        name = parts.first.flatMap { Self.cleaned($0) }
        address = parts.count > 1 ? Self.cleaned(parts[1]) : nil
    }

    private static func cleaned(_ text: Substring) -> String? {
        let kept = text.prefix { character in
            character.isASCII && (character.isLetter || character.isNumber || ".:_-%".contains(character))
        }.prefix(longest)
        return kept.isEmpty ? nil : String(kept)
    }
}
