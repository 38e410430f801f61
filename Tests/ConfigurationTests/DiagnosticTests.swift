import Configuration
import PodiumModel
import Testing
import YAMLDocument

@Suite struct DiagnosticTests {
    /// `(file, severity, line, column, part of the message, part of the fix)`
    static let findings: [(String, Diagnostic.Severity, Int, Int, String, String)] = [
        ("", .error, 1, 1, "empty", "example"),
        ("# only\n", .error, 1, 1, "empty", ""),
        ("[a]\n", .error, 1, 1, "mapping", ""),
        ("server: {port: 1}\n", .warning, 1, 1, "no endpoints", "add"),
        ("endpoints: []\n", .warning, 1, 12, "no endpoints", "add"),
        ("endpoints: {a: 1}\n", .error, 1, 12, "list", "dash"),
        ("endpoints:\n  - text\n", .error, 2, 5, "mapping", "name"),
        ("server:\n  port: 70000\n", .error, 2, 9, "0 to 65535", ""),
        ("server:\n  port: many\n", .error, 2, 9, "whole number", ""),
        ("server:\n  prot: 1\n", .note, 2, 3, "'prot' is unknown", "did you mean port?"),
        ("server:\n  Auto-Sort-Endpoints: 1\n", .warning, 2, 3, "not read in server", "write auto_sort_endpoints"),
        ("server:\n  zzz: 1\n", .note, 2, 3, "'zzz' is unknown", ""),
        ("logging: {level: debug}\n", .note, 1, 1, "older system", ""),
        ("server:\n  persist_strategy: throtled\n", .error, 2, 21, "throtled", "did you mean throttled?"),
        ("server:\n  on_hangup: maybe\n", .error, 2, 14, "maybe", "keep_serving, exit"),
        ("server:\n  auto_sort_endpoints: 3\n", .error, 2, 24, "true or false", ""),
        ("server:\n  drain_timeout: 10\n", .error, 2, 18, "no unit", "10s"),
        ("server:\n  drain_timeout: 10 parsecs\n", .error, 2, 18, "not a duration", "1h30m"),
        (
            "server:\n  config_flush_interval: 1m\n  config_max_dirty_time: 30s\n", .error, 3, 26,
            "config_max_dirty_time (30s) is below config_flush_interval (1m)", "raise config_max_dirty_time to 1m"
        ),
        ("server:\n  config_max_dirty_time: 5s\n", .error, 2, 26, "below config_flush_interval (30s)", ""),
        ("server:\n  host: a b\n", .error, 2, 9, "not an address", "127.0.0.1"),
        ("server:\n  client_tokens: secret\n", .error, 2, 18, "list", "["),
        ("server:\n  client_tokens: ['']\n", .error, 2, 19, "empty", ""),
        ("server:\n  allowed_origins: https://app.example\n", .error, 2, 20, "list", "["),
        ("server:\n  allowed_origins: [app.example]\n", .error, 2, 21, "not an origin", "https://app.example"),
        ("server:\n  allowed_origins: ['*', 'https://app.example/']\n", .error, 2, 26, "no", "no path"),
        ("server:\n  allowed_origins:\n    - http://u@host\n", .error, 3, 7, "not an origin", "host and port"),
        ("server:\n  allowed_origins: [http://host:0]\n", .error, 2, 21, "not an origin", ""),
        ("server:\n  allowed_origins: [http://, 1://a]\n", .error, 2, 21, "not an origin", ""),
        ("server:\n  allowed_origins: [\"http://[::1]:x\"]\n", .error, 2, 21, "not an origin", ""),
        ("server:\n  allowed_origins: ['null']\n", .error, 2, 21, "not an origin", ""),
        ("server:\n  admin_token: ${NOPE}\n", .error, 2, 16, "NOPE", "set it"),
        ("server:\n  access_log: on\n", .error, 2, 15, "where to", "name a file"),
        ("server:\n  access_log: logs/\n", .error, 2, 15, "not the name of a file", "name a file"),
        ("server:\n  replay_limit: 9GiB\n", .error, 2, 17, "size", "MiB"),
        ("server:\n  port: 1\n  port: 2\n", .error, 3, 3, "twice, first in line 2", "remove"),
        ("server: [1]\n", .error, 1, 9, "mapping", ""),
        ("ranking: {sticky_sessions: 0s}\n", .error, 1, 28, "has to be 1s to 24h, or off", "5m"),
        ("ranking: {sticky_sessions: maybe}\n", .error, 1, 28, "duration", "5m"),
        ("ranking: {explore: 51%}\n", .error, 1, 20, "has to be 0.01% to 50%, or off", "2%"),
        ("ranking: {hysteresis: 15}\n", .error, 1, 23, "share below 100%", "15%"),
        ("timeouts: {recovery_threshold: 0}\n", .error, 1, 32, "1 to 1000", ""),
        ("timeouts: {connect: 0s}\n", .error, 1, 21, "below 1ms", ""),
        ("server:\n\tport: 1\n", .error, 2, 1, "cannot start any token", "spaces"),
        ("server:\n  port: 1\n host: x\n", .error, 3, 2, "", "indented"),
        ("a: 1\n---\nb: 1\n", .error, 2, 1, "second document", ""),
        ("a: \"\u{1}\"\n", .error, 1, 5, "control characters", ""),
    ]

    @Test(arguments: findings.indices) func saysWhatAndWhere(_ index: Int) throws {
        let (file, severity, line, column, message, fix) = Self.findings[index]
        let loaded = load(file)
        let finding = try #require(
            loaded.diagnostics.first { $0.severity == severity && $0.line == line }, "\(loaded.diagnostics)")
        #expect(finding.column == column)
        #expect(finding.message.contains(message), "\(finding)")
        #expect(finding.fix.contains(fix), "\(finding)")
        #expect((loaded.configuration == nil) == loaded.diagnostics.contains { $0.severity == .error })
    }

    @Test func aFileOfAuthoritiesThatCannotBeUsedIsNamedWithItsLine() {
        let file = "endpoints:\n  - name: a\n    url: https://a\n    ca_file: ca.pem\n"
        let found = ConfigurationLoader.load(bytes: Array(file.utf8), environment: [:]) { path in
            path == "ca.pem" ? "does not exist" : nil
        }
        // The others run: one missing file is no reason to serve nobody.
        #expect(found.configuration != nil)
        #expect(
            found.diagnostics.map { $0.rendered(file: "f") } == [
                "f:4:14: warning: endpoint 'a' is misconfigured: ca_file ca.pem does not exist (name a PEM file of the "
                    + "authorities to trust, or remove the key)"
            ])
        #expect(load(file).diagnostics == [])
    }

    @Test(arguments: [
        ("https://h/v1?key=HIDDEN&v=HIDDEN2", "https://h/v1?key=***&v=***"), ("https://h/?HIDDEN", "https://h/?***"),
        ("'https://h/v1#HIDDEN'", "https://h/v1#***"), ("https://u:HIDDEN@h/?key=HIDDEN", "***@h/?key=***"),
        ("https://u:HI?DDEN@h/", "***@h/"), ("api.example.com/v1?key=HIDDEN", "api.example.com/v1?key=***"),
        ("u:HIDDEN@h?key=HIDDEN", "***@h?key=***"),
    ]) func aRefusedURLShowsNoneOfItsSecrets(_ url: String, _ excerpt: String) {
        let found = load("endpoints:\n  - name: a\n    url: \(url)\n").diagnostics.map { $0.rendered(file: "f") }
        #expect(!found.isEmpty)
        #expect(found.allSatisfy { !$0.contains("HIDDEN") && !$0.contains("DDEN") }, "\(found)")
        #expect(found.contains { $0.contains(excerpt) }, "\(found)")
    }

    static let endpoints: [(String, Diagnostic.Severity, String, String)] = [
        ("url: https://a", .error, "no name", "name"),
        ("name: x", .error, "no URL", "url_anthropic"),
        ("name: x\n    url_gemini: https://g", .warning, "no URL", ""),
        ("name: x\n    url: api.example.com", .error, "no scheme", "https://api.example.com"),
        ("name: x\n    url: ftp://a", .error, "'ftp' is not supported", "https"),
        ("name: x\n    url: https://", .error, "host is missing", ""),
        ("name: x\n    url: https://a:0", .error, "'0' is not a port", "65535"),
        ("name: x\n    url: https://a:65536", .error, "not a port", ""),
        ("name: x\n    url: https://[::1", .error, "closing ]", ""),
        ("name: x\n    url: https://[zz]", .error, "not an IPv6 address", ""),
        ("name: x\n    url: https://u:p@a", .error, "credentials", "auth_value"),
        ("name: x\n    url: https://a/?q=1", .error, "query", "?"),
        ("name: x\n    url: 'https://a/#f'", .error, "fragment", "#"),
        ("name: x\n    url: https://a/b c", .error, "a space", "percent"),
        ("name: x\n    url: https://a/%zz", .error, "hexadecimal", "%25"),
        ("name: x\n    url: https://é", .error, "'é'", ""),
        ("name: x\n    url: https://a_b..c", .error, "not a host name", ""),
        ("name: x\n    url: https://a\n    auth_type: apikey", .error, "apikey", "did you mean api_key?"),
        ("name: x\n    url: https://a\n    auth_type: oauth", .warning, "not supported", "api_key"),
        ("name: x\n    url: https://a\n    auth_value: k", .error, "auth_type is not", "api_key"),
        ("name: x\n    url: https://a\n    auth_type: api_key", .warning, "needs an auth_value", "${NAME}"),
        ("name: x\n    url: https://a\n    auth_type: none\n    auth_value: k", .warning, "not used", ""),
        (
            "name: x\n    url: https://a\n    auth_type: api_key\n    auth_value: ${NOPE}", .warning, "NOPE not set",
            "set it"
        ),
        (
            "name: x\n    url: https://a\n    auth_type: api_key\n    auth_value: \"a\\r\\nX: y\"", .error,
            "line break", "remove"
        ),
        ("name: x\n    url: https://a\n    headers: {\"a b\": c}", .error, "not a header name", ""),
        ("name: x\n    url: https://a\n    headers: {a: \"b\\nc\"}", .error, "line break", ""),
        ("name: x\n    url: https://a\n    headers: {Host: b}", .error, "proxy's own", ""),
        ("name: x\n    url: https://a\n    headers: {A: b, a: c}", .error, "twice", ""),
        ("name: x\n    url: https://a\n    headers: [a]", .error, "mapping", ""),
        ("name: x\n    url: https://a\n    tags: a", .error, "list", "["),
        ("name: x\n    url: https://a\n    tags: [a, [b]]", .error, "single value", ""),
        ("name: x\n    url: https://a\n    proxy: 127.0.0.1:1", .error, "no scheme", "socks5://"),
        ("name: x\n    url: https://a\n    proxy: {type: ftp, address: a}", .error, "kind of proxy", "socks5"),
        ("name: x\n    url: https://a\n    proxy: {type: http}", .error, "no address", "HOST:PORT"),
        ("name: x\n    url: https://a\n    priority: high", .error, "whole number", ""),
        ("name: x\n    url: https://a\n    models: ['!']", .error, "an item of models is empty", ""),
        ("name: x\n    url: https://a\n    model_map: [a]", .error, "a mapping of patterns to names", ""),
        ("name: x\n    url: https://a\n    model_map: {a: }", .error, "lacks a pattern or a name", ""),
        ("name: x\n    url: https://a\n    model_map: {a: [b]}", .error, "a single name", ""),
        ("name: x\n    url: https://a\n    model_map: {a?: 'x*'}", .error, "no one * in 'a?'", "write the name out"),
        ("name: x\n    url: https://a\n    model_map: {'a*b*': 'x*'}", .error, "no one *", ""),
        ("name: \"a\\u0007b\"\n    url: https://a", .error, "control character", ""),
        (
            "name: x\n    url: https://a\n  - name: x\n    url: https://b", .error, "'x' is taken, first in line 2",
            "own name"
        ),
        ("name: x\n    url: https://a\n    model_rewrite: {enabled: true}", .note, "older system", "model_map:"),
        ("name: x\n    url: https://a\n    header_overrides: {}", .note, "older system", "headers:"),
    ]

    @Test(arguments: endpoints.indices) func checksEndpoints(_ index: Int) throws {
        let (entry, severity, message, fix) = Self.endpoints[index]
        let loaded = load("endpoints:\n  - \(entry)\n")
        let finding = try #require(
            loaded.diagnostics.first { $0.severity == severity && $0.message.contains(message) },
            "\(entry): \(loaded.diagnostics)")
        #expect(finding.fix.contains(fix), "\(finding)")
        #expect(finding.line >= 2)
        #expect((loaded.configuration == nil) == (severity == .error))
    }

    @Test func reportsEverythingAtOnceInFileOrder() {
        let loaded = load("server:\n  port: x\n  hots: y\nendpoints:\n  - name: a\n    url: b\n  - url: https://c\n")
        #expect(loaded.diagnostics.map(\.line) == [2, 3, 6, 7])
        #expect(loaded.diagnostics.map(\.severity) == [.error, .note, .error, .error])
        #expect(loaded.configuration == nil)
    }

    @Test func rendersTheFormThatEditorsJumpTo() {
        let diagnostic = Diagnostic(
            severity: .error, line: 3, column: 7, message: "port has to be 0 to 65535", excerpt: "70000",
            fix: "lower it")
        #expect(
            diagnostic.rendered(file: "c.yaml") == "c.yaml:3:7: error: port has to be 0 to 65535: 70000 (lower it)")
    }

    /// Nothing that is printed holds a secret, however broken the file is.
    @Test func neverShowsASecret() {
        for file in [
            "endpoints:\n  - name: a\n    auth_type: none\n    auth_value: sk-SECRET\n    url: https://a\n",
            "endpoints:\n  - name: a\n    auth_value: sk-SECRET\n    url: https://a\n",
            "endpoints:\n  - name: a\n    auth_value: \"sk-SECRET\n    url: b\n",
            "endpoints:\n  - name: a\n    auth_value: sk-SECRET: x: y\n",
            "endpoints:\n  - name: a\n    proxy: http://u:SECRET@h:0\n    url: https://a\n",
            "endpoints:\n  - name: a\n    proxy: http://u:SECRET\n    url: https://a\n",
            "endpoints:\n  - name: a\n    proxy: {type: http, address: \"u:SECRET@h:x\"}\n    url: https://a\n",
            "endpoints:\n  - name: a\n    headers: {x-key: [SECRET]}\n    url: https://a\n",
            "endpoints:\n  - name: a\n    headers: {x-key: \"SECRET\\n\"}\n    url: https://a\n",
            "endpoints:\n  - name: a\n    auth_type: api_key\n    auth_value: [sk-SECRET]\n    url: https://a\n",
            "server:\n  client_tokens: SECRET\n  admin_token: [SECRET]\n",
            "server:\n  client_tokens: [\"SECRET\\n\"]\n",
            "endpoints:\n  - name: a\n    url: https://u:SECRET@a\n",
        ] {
            let loaded = load(file)
            #expect(!loaded.diagnostics.isEmpty)
            for finding in loaded.diagnostics + loaded.literalSecrets {
                #expect(!finding.rendered(file: "f").contains("SECRET"), "\(finding)")
            }
        }
    }

    @Test func aFileOfTheOlderSystemLoads() throws {
        let loaded = load(
            """
            server:
                host: 127.0.0.1
                port: 8080
                auto_sort_endpoints: true
                default_model: some
            endpoints:
                - name: one
                  url_anthropic: https://api.one.example/v1/messages
                  auth_type: auth_token
                  auth_value: sk-1
                  enabled: true
                  priority: 1
                  tags: []
                  model_rewrite:
                    enabled: true
                    rules:
                        - source_pattern: claude-*
                          target_model: other
                  proxy:
                    type: socks5
                    address: 127.0.0.1:1080
                  supports_responses: false
                  native_format: true
                - name: two
                  url_openai: https://api.two.example/v1/chat/completions
                  auth_type: api_key
                  auth_value: sk-2
                  enabled: false
                  priority: 2
                  tags: [a]
                  openai_preference: chat_completions
            logging: { level: info, log_directory: ./logs }
            validation: { python_json_fixing: { enabled: true } }
            tagging: { pipeline_timeout: 5s, taggers: [] }
            timeouts:
                tls_handshake: 10s
                response_header: ""
                idle_connection: 90s
                check_interval: 30s
                recovery_threshold: 1
            blacklist: { enabled: true }
            retry: { upstream_errors: [] }
            """)
        #expect(loaded.diagnostics.allSatisfy { $0.severity == .note })
        let configuration = try #require(loaded.configuration)
        #expect(configuration.endpoints.map(\.enabled) == [true, false])
        #expect(configuration.endpoints[0].proxy == OutboundProxy(kind: .socks5, host: "127.0.0.1", port: 1080))
        #expect(configuration.timeouts == TimeoutSettings())
        #expect(loaded.literalSecrets.map(\.line) == [10, 27])
    }

    @Test func mergeKeysAndAliasesAreFollowed() throws {
        let loaded = load(
            """
            defaults: &d { auth_type: api_key, auth_value: "${K}", enabled: false }
            endpoints:
              - { <<: *d, name: a, url: &u "https://a" }
              - { name: b, url: *u, <<: [*d], enabled: true }
            """, ["K": "k"])
        let endpoints = try #require(loaded.configuration?.endpoints, "\(loaded.diagnostics)")
        #expect(endpoints.map(\.authType) == [.apiKey, .apiKey])
        #expect(endpoints.map(\.enabled) == [false, true])
        #expect(endpoints[1].url == "https://a")
    }
}
