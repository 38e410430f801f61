import Configuration
import PodiumModel
import Testing
import YAMLDocument

func load(_ text: String, _ environment: [String: String] = [:]) -> LoadedConfiguration {
    ConfigurationLoader.load(bytes: Array(text.utf8), environment: environment)
}

@Suite struct ConfigurationLoaderTests {
    static let everyKey = """
        server:
          host: 0.0.0.0
          port: 9000
          auto_sort_endpoints: no
          persist_strategy: batched
          config_flush_interval: 1m30s
          config_max_dirty_time: 1h
          on_hangup: exit
          client_tokens: ["${TOKEN}", plain]
          allowed_origins: ["http://[::1]:3000", https://app.example, chrome-extension://abc, "*"]
          admin_token: ${ADMIN}
          drain_timeout: 500ms
          allow_in_place: yes
          replay_limit: 64KiB
          replay_memory: 1GiB
          access_log: logs/access.json
          name_endpoint: off
        ranking: { hysteresis: 20%, min_dwell: 3s, decay: 1m }
        timeouts: { connect: 1s, tls_handshake: 2s, response_header: 3s, stream_idle: 4s, idle_connection: 5s,
                    health_check_timeout: 6s, check_interval: 7s, recovery_threshold: 8, response: 9s }
        endpoints:
          - name: main
            url: http://127.0.0.1:9
            url_anthropic: https://api.anthropic.com
            url_openai: https://api.openai.com/v1
            auth_type: api_key
            auth_value: ${KEY}
            enabled: off
            priority: 2
            pinned: true
            tags: [prod, 7]
            headers: { anthropic-version: "2023-06-01", X-Key: "${KEY}" }
            openai_preference: responses
            proxy: socks5://us%40er:p%3Aw@[::1]:1081
            ca_file: corporate-ca.pem
          - name: other
            url: http://b
            proxy: { type: http, address: "10.0.0.1:3128", username: u, password: "${KEY}" }
            timeouts: { response_header: 0s, response: 20m }
        """

    @Test func readsEveryKey() throws {
        let loaded = load(Self.everyKey, ["TOKEN": "t", "ADMIN": "a", "KEY": "k"])
        #expect(loaded.diagnostics == [])
        let configuration = try #require(loaded.configuration)

        var server = ServerSettings()
        server.host = "0.0.0.0"
        server.port = 9000
        server.autoSortEndpoints = false
        server.persistStrategy = .batched
        server.configFlushInterval = .seconds(90)
        server.configMaxDirtyTime = .seconds(3600)
        server.onHangup = .exit
        server.clientTokens = ["${TOKEN}", "plain"]
        server.allowedOrigins = ["http://[::1]:3000", "https://app.example", "chrome-extension://abc", "*"]
        server.adminToken = "${ADMIN}"
        server.drainTimeout = .milliseconds(500)
        server.allowInPlace = true
        server.replayLimit = 65536
        server.replayMemory = 1 << 30
        server.accessLog = .file("logs/access.json")
        server.nameEndpoint = false
        #expect(configuration.server == server)

        #expect(configuration.ranking.hysteresis == 0.2)
        #expect(configuration.ranking.minDwell == .seconds(3))
        #expect(configuration.ranking.decay == .seconds(60))
        let timeouts = configuration.timeouts
        #expect(
            [timeouts.connect, timeouts.tlsHandshake, timeouts.responseHeader, timeouts.streamIdle]
                == (1...4).map { Duration.seconds($0) })
        #expect(
            [timeouts.idleConnection, timeouts.healthCheckTimeout, timeouts.checkInterval]
                == (5...7).map { Duration.seconds($0) })
        #expect(timeouts.recoveryThreshold == 8 && timeouts.response == .seconds(9))
        let own = configuration.endpointTimeouts["other"]?.applied(to: timeouts)
        #expect(own?.responseHeader == .zero && own?.response == .seconds(1200))
        #expect(own?.streamIdle == timeouts.streamIdle)
        #expect(configuration.endpointTimeouts["main"] == nil)

        var main = EndpointSettings(name: "main")
        main.url = "http://127.0.0.1:9"
        main.urlAnthropic = "https://api.anthropic.com"
        main.urlOpenAI = "https://api.openai.com/v1"
        main.authType = .apiKey
        main.authValue = "${KEY}"
        main.enabled = false
        main.priority = 2
        main.pinned = true
        main.tags = ["prod", "7"]
        main.headers = [.init(name: "anthropic-version", value: "2023-06-01"), .init(name: "X-Key", value: "${KEY}")]
        main.openAIPreference = .responses
        main.proxy = OutboundProxy(kind: .socks5, host: "::1", port: 1081, username: "us@er", password: "p:w")
        main.caFile = "corporate-ca.pem"
        #expect(configuration.endpoints.first == main)
        #expect(
            configuration.endpoints.last?.proxy
                == OutboundProxy(kind: .http, host: "10.0.0.1", port: 3128, username: "u", password: "${KEY}"))
        // In the clear: one client token, and the password in the proxy's URL.
        #expect(loaded.literalSecrets.map(\.line) == [9, 34])
    }

    @Test(arguments: [
        ("off", AccessLogTarget.off), ("''", .off), ("no", .off), ("~", .off), ("stdout", .standardOutput),
        ("\"-\"", .standardOutput), ("a/b", .file("a/b")),
    ])
    func theAccessLogIsOffAStreamOrAFile(text: String, target: AccessLogTarget) {
        let loaded = load("server: { access_log: \(text) }\nendpoints: [{name: a, url: http://a}]\n")
        #expect(loaded.configuration?.server.accessLog == target)
    }

    @Test("Keys of the console are read with their places; what is no key at all is a warning")
    func consoleKeys() throws {
        let text = """
            console:
              keys:
                flush: W
                undo: [u, "~"]
                sort-now: []
                redo: ~
            endpoints: []
            """
        let loaded = ConfigurationLoader.load(bytes: Array(text.utf8), environment: [:])
        let keys = try #require(loaded.configuration).console.keys
        #expect(keys.map(\.command.text) == ["flush", "undo", "sort-now"])
        #expect(keys.map { $0.keys.map(\.text) } == [["W"], ["u", "~"], []])
        #expect(keys[1].keys[1] == KeySetting.Word(text: "~", line: 4, column: 15))
        #expect(keys[0].command == KeySetting.Word(text: "flush", line: 3, column: 5))
        let warning = try #require(loaded.diagnostics.first { $0.line == 6 })
        #expect(warning.severity == .warning)
        #expect(warning.column == 11)
    }
}
