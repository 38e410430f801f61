internal import NIOHTTP1
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
