import Configuration
import PodiumModel
import Testing

/// `HTTPS_PROXY` and its kin, as curl reads them.
struct ProxyVariablesTests {
    private func proxy(
        _ environment: [String: String], _ host: String = "api.example.com", port: Int = 443, usesTLS: Bool = true
    ) throws -> String? {
        try ProxyVariables(environment).proxy(usesTLS: usesTLS, host: host, port: port).map(ProxyText.render)
    }

    @Test func theSchemesOwnComesFirstAndSmallLettersBeforeCapitals() throws {
        let all = [
            "https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:2", "all_proxy": "http://c:3",
            "ALL_PROXY": "http://d:4",
            "http_proxy": "http://e:5",
        ]
        for (gone, expected) in [
            ([], "http://a:1"), (["https_proxy"], "http://b:2"), (["https_proxy", "HTTPS_PROXY"], "http://c:3"),
            (["https_proxy", "HTTPS_PROXY", "all_proxy"], "http://d:4"),
        ] {
            #expect(try proxy(all.filter { !gone.contains($0.key) }) == expected)
        }
        #expect(try proxy(all, port: 80, usesTLS: false) == "http://e:5")
        #expect(try proxy(["https_proxy": "", "HTTPS_PROXY": "http://b:2"]) == "http://b:2")
        #expect(try proxy([:]) == nil)
        // What a web server sets from a client's `Proxy` header.
        #expect(try proxy(["HTTP_PROXY": "http://evil:1"], port: 80, usesTLS: false) == nil)
        #expect(ProxyVariables(["HTTP_PROXY": "x"]).names.isEmpty)
        #expect(ProxyVariables(all).names == ["https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"])
    }

    @Test func aProxyIsWrittenInManyWays() throws {
        #expect(try proxy(["all_proxy": "proxy.example:3128"]) == "http://proxy.example:3128")
        #expect(try proxy(["all_proxy": "http://u:p%40s@proxy.example:3128/"]) == "http://u:p%40s@proxy.example:3128")
        #expect(try proxy(["all_proxy": "socks5h://[::1]:1080"]) == "socks5://[::1]:1080")
        #expect {
            try proxy(["HTTPS_PROXY": "https://u:secret@proxy.example"])
        } throws: { error in
            let message = (error as? ValueProblem)?.message ?? ""
            return message.hasPrefix("HTTPS_PROXY: ") && !message.contains("secret")
        }
    }

    @Test(arguments: [
        ("example.com", true), (".example.com", true), ("*.example.com", true), ("API.Example.COM.", true), ("*", true),
        ("ample.com", false), ("i.example.com", false), ("com", true), ("example.com:443", true),
        ("example.com:8443", false), ("other.test, example.com", true), ("other.test example.com", true), ("", false),
        ("*.com:443", true), ("example.com:0", false), ("/,:,.,[]", false),
    ])
    func domainsAreExcepted(_ entry: String, _ isDirect: Bool) throws {
        #expect(try (proxy(["https_proxy": "http://a:1", "no_proxy": entry]) == nil) == isDirect, "\(entry)")
        #expect(try (proxy(["https_proxy": "http://a:1", "NO_PROXY": entry]) == nil) == isDirect, "\(entry)")
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.200.3.4", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.1.2.3", "10.1.2.3", true),
        ("192.168.1.128/25", "192.168.1.200", true), ("192.168.1.128/25", "192.168.1.100", false),
        ("fd00::/8", "fd12::1", true), ("fd00::/8", "fe80::1", false), ("[2001:db8::1]", "2001:db8:0::1", true),
        ("[2001:db8::1]:443", "2001:db8::1", true), ("[2001:db8::1]:80", "2001:db8::1", false),
        ("2001:db8::1", "2001:db8::1", true), ("0.0.0.0/0", "8.8.8.8", true), ("0.0.0.0/0", "api.example.com", false),
        ("10.0.0.0/33", "10.0.0.1", false), ("10.0.0.0/x", "10.0.0.1", false), ("", "127.0.0.1", true),
        ("", "localhost", true), ("", "::1", true),
    ])
    func addressesAreExcepted(_ entry: String, _ host: String, _ isDirect: Bool) throws {
        #expect(
            try (proxy(["https_proxy": "http://a:1", "no_proxy": entry], host) == nil) == isDirect, "\(entry) \(host)")
    }

    @Test func theWordIsKeptAsItStands() throws {
        #expect(try ProxyText.parse("env") == .environment)
        #expect(ProxyText.render(.environment) == "env")
        #expect(OutboundProxy.environment.shown(mask: "x") == "env")
        #expect(throws: ValueProblem.self) { try ProxyText.parse("ENVIRONMENT") }
    }

    private func notes(_ environment: [String: String], _ keys: String = "") -> [String] {
        let text = "endpoints:\n  - name: a\n    url: https://api.example.com\n\(keys)"
        let loaded = ConfigurationLoader.load(bytes: Array(text.utf8), environment: environment)
        return loaded.diagnostics.filter { $0.message.contains("proxy") || $0.message.contains("PROXY") }.map(\.message)
    }

    @Test func whatIsIgnoredIsSaid() {
        #expect(notes(["HTTPS_PROXY": "http://a:1"]) == ["HTTPS_PROXY is set and ignored"])
        #expect(notes(["HTTPS_PROXY": "http://a:1"], "    proxy: env\n").isEmpty)
        #expect(notes(["HTTPS_PROXY": "http://a:1"], "    proxy: http://p:1\n").isEmpty)
        #expect(notes([:]).isEmpty)
        #expect(
            notes([:], "    proxy: env\n")
                == ["neither https_proxy nor all_proxy is set here: the endpoint is reached directly"])
    }
}
