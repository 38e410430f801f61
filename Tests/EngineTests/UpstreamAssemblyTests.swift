import Configuration
import PodiumModel
import Proxy
import Ranking
import Testing

@testable import Engine

/// From an endpoint's settings to what the data path works with.
struct UpstreamAssemblyTests {
    private static func settings(_ change: (inout EndpointSettings) -> Void = { _ in }) -> EndpointSettings {
        var settings = EndpointSettings(name: "a")
        settings.url = "https://api.example.com"
        change(&settings)
        return settings
    }

    private static func assembly(_ environment: [String: String] = [:]) -> UpstreamAssembly {
        UpstreamAssembly(
            context: ConfigurationContext(environment: environment, folder: "/etc/podium/") { path in
                path == "/etc/podium/good.pem" ? nil : "does not exist"
            }, timeouts: TimeoutSettings())
    }

    private static func ready(
        _ settings: EndpointSettings, previous: Upstream? = nil, environment: [String: String] = [:]
    ) throws -> Upstream {
        switch assembly(environment).assemble(id: EndpointID(1), settings: settings, previous: previous) {
        case .ready(let upstream): return upstream
        case .misconfigured(let reason): throw Misconfigured(reason: reason)
        }
    }

    struct Misconfigured: Error, Equatable {
        var reason: String
    }

    @Test func theProxyIsTakenOverWithItsSecretsExpanded() throws {
        let settings = Self.settings {
            $0.proxy = OutboundProxy(kind: .socks5, host: "p", port: 1080, username: "${USER}", password: "${PASSWORD}")
        }
        let upstream = try Self.ready(settings, environment: ["USER": "u", "PASSWORD": "s"])
        #expect(
            try upstream.proxy == UpstreamProxy(kind: .socks5, host: "p", port: 1080, username: "u", password: "s"))
        #expect(throws: Misconfigured.self) { try Self.ready(settings, environment: ["USER": "u"]) }
    }

    @Test func credentialsThatCannotBeSaidMakeTheEndpointMisconfiguredWithoutShowingThem() {
        let settings = Self.settings {
            $0.proxy = OutboundProxy(kind: .http, host: "p", port: 1, username: nil, password: "secret")
        }
        #expect(
            throws: Misconfigured(reason: "the proxy's username or password is missing, too long or cannot be sent")
        ) { try Self.ready(settings) }
    }

    @Test func theFileOfAuthoritiesIsFoundBesideTheConfiguration() throws {
        let upstream = try Self.ready(Self.settings { $0.caFile = "good.pem" })
        #expect(upstream.tls.caFile == "/etc/podium/good.pem")
        #expect(throws: Misconfigured(reason: "ca_file /gone.pem does not exist")) {
            try Self.ready(Self.settings { $0.caFile = "/gone.pem" })
        }
    }

    @Test func connectionsAreKeptWhereTheWayIsTheSame() throws {
        let before = try Self.ready(Self.settings())
        let renamed = try Self.ready(Self.settings { $0.name = "b" }, previous: before)
        #expect(renamed.anyURL === before.anyURL)
        let credential = try Self.ready(
            Self.settings {
                $0.authType = .apiKey
                $0.authValue = "k"
            }, previous: before)
        #expect(credential.anyURL === before.anyURL)
        let moved = try Self.ready(Self.settings { $0.url = "https://other.example.com" }, previous: before)
        #expect(moved.anyURL !== before.anyURL)
    }

    @Test func connectionsByAnotherWayAreNotUsedAgain() throws {
        let direct = try Self.ready(Self.settings())
        let proxied = try Self.ready(
            Self.settings { $0.proxy = OutboundProxy(kind: .http, host: "p", port: 1) }, previous: direct)
        #expect(proxied.anyURL !== direct.anyURL)
        let otherTrust = try Self.ready(Self.settings { $0.caFile = "good.pem" }, previous: direct)
        #expect(otherTrust.anyURL !== direct.anyURL)
        let sameTrust = try Self.ready(Self.settings { $0.caFile = "good.pem" }, previous: otherTrust)
        #expect(sameTrust.anyURL === otherTrust.anyURL)
    }

    /// Each URL has the way that the variables say for it.
    @Test func theEnvironmentSaysTheWayOfEachURL() throws {
        let settings = Self.settings {
            $0.url = "http://plain.example.com"
            $0.urlAnthropic = "https://api.example.com"
            $0.urlOpenAI = "https://inside.example.net"
            $0.proxy = .environment
        }
        var environment = [
            "HTTPS_PROXY": "http://u:p@proxy:3128", "NO_PROXY": ".example.net", "HTTP_PROXY": "http://evil:1",
        ]
        let upstream = try Self.ready(settings, environment: environment)
        #expect(upstream.proxy == nil)
        #expect(upstream.anyURL.map { upstream.proxy(for: $0) } == .some(nil))
        #expect(upstream.openAIURL.map { upstream.proxy(for: $0) } == .some(nil))
        let secure = try #require(upstream.anthropicURL)
        #expect(
            try upstream.proxy(for: secure)
                == UpstreamProxy(kind: .http, host: "proxy", port: 3128, username: "u", password: "p"))
        // The same way is the same connections, another is not.
        let again = try Self.ready(settings, previous: upstream, environment: environment)
        #expect(again.anthropicURL === secure)
        environment["HTTPS_PROXY"] = "http://other:3128"
        let moved = try Self.ready(settings, previous: upstream, environment: environment)
        #expect(moved.anthropicURL !== secure)
        #expect(moved.anyURL === upstream.anyURL)
        environment["HTTPS_PROXY"] = "ftp://other:3128"
        #expect(throws: Misconfigured.self) { try Self.ready(settings, environment: environment) }
    }
}
