public import PodiumModel
internal import Support

/// What `HTTPS_PROXY` and its kin say of the way to a URL, read as curl reads them. Pure.
public struct ProxyVariables: Sendable, Equatable {
    private let environment: [String: String]
    private let exceptions: [ProxyException]

    /// The variables of a process.
    public init(_ environment: [String: String]) {
        self.environment = environment
        let text = Self.first(["no_proxy", "NO_PROXY"], environment)?.value ?? ""
        exceptions = text.split { $0 == "," || $0 == " " || $0 == "\t" }.compactMap { ProxyException(String($0)) }
    }

    /// Those of them that name a proxy.
    public var names: [String] {
        let known = ["https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"]
        return known.filter { environment[$0]?.isEmpty == false }
    }

    /// The proxy on the way to a host, nil for a direct connection.
    ///
    /// `HTTP_PROXY` in capitals is not heeded: a web server sets it from what a client sends. This machine's loopback is
    /// reached directly: what a proxy would find there is its own.
    ///
    /// - Parameter host: IPv6 without brackets
    /// - Throws: where the variable that counts names no usable proxy; holds no secret.
    public func proxy(usesTLS: Bool, host: String, port: Int) throws(ValueProblem) -> OutboundProxy? {
        let own = usesTLS ? ["https_proxy", "HTTPS_PROXY"] : ["http_proxy"]
        guard let (name, value) = Self.first(own + ["all_proxy", "ALL_PROXY"], environment),
            !HostAndPort.isLoopback(host), !exceptions.contains(where: { $0.covers(host, port) })
        else { return nil }
        do throws(ValueProblem) {
            return try ProxyText.parse(value.contains("://") ? value : "http://\(value)")
        } catch {
            throw ValueProblem("\(name): \(error.message)", fix: error.fix)
        }
    }

    private static func first(_ names: [String], _ environment: [String: String]) -> (name: String, value: String)? {
        for name in names {
            if let value = environment[name], !value.isEmpty { return (name, value) }
        }
        return nil
    }
}

/// One entry of `NO_PROXY`: hosts that are reached directly.
private struct ProxyException: Sendable, Equatable {
    private enum Hosts: Equatable {
        case all
        /// The domain and all below it, without dots at its ends.
        case domain(String)
        case network([UInt8], bits: Int)
    }

    private let hosts: Hosts
    private let port: Int?

    init?(_ text: String) {
        var host = text.lowercased()
        var port: Int?
        let colons = host.filter { $0 == ":" }.count
        // `host:port` and `[::1]:port`; more colons without brackets are those of an address.
        if let colon = host.lastIndex(of: ":"), colons == 1 || host[..<colon].hasSuffix("]") {
            guard let number = Int(host[host.index(after: colon)...]), (1...65535).contains(number) else { return nil }
            port = number
            host = String(host[..<colon])
        }
        self.port = port
        if host == "*" {
            hosts = .all
            return
        }
        let parts = host.split(separator: "/", omittingEmptySubsequences: false)
        let address = parts[0].filter { $0 != "[" && $0 != "]" }
        if let bytes = Self.bytes(String(address)) {
            guard parts.count <= 2, let bits = parts.count == 2 ? Int(parts[1]) : bytes.count * 8,
                (0...bytes.count * 8).contains(bits)
            else { return nil }
            hosts = .network(bytes, bits: bits)
            return
        }
        if host.hasPrefix("*.") { host.removeFirst() }
        while host.hasPrefix(".") { host.removeFirst() }
        while host.hasSuffix(".") { host.removeLast() }
        guard !host.isEmpty else { return nil }
        hosts = .domain(host)
    }

    func covers(_ host: String, _ port: Int) -> Bool {
        guard self.port == nil || self.port == port else { return false }
        switch hosts {
        case .all: return true
        case .domain(let domain):
            var host = host.lowercased()
            while host.hasSuffix(".") { host.removeLast() }
            return host == domain || host.hasSuffix("." + domain)
        case .network(let network, let bits):
            guard let address = Self.bytes(host), address.count == network.count else { return false }
            return (0..<bits).allSatisfy { bit in
                let mask = UInt8(0x80) >> UInt8(bit % 8)
                return address[bit / 8] & mask == network[bit / 8] & mask
            }
        }
    }

    /// Of an address, 4 or 16 bytes.
    private static func bytes(_ text: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes.prefix(4)) }
        return inet_pton(AF_INET6, text, &bytes) == 1 ? bytes : nil
    }
}
