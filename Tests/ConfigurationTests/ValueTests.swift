import Configuration
import PodiumModel
import Testing

@Suite struct ValueTests {
    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("30s", .seconds(30)), ("5m", .seconds(300)), ("1h30m", .seconds(5400)),
        ("1.5s", .milliseconds(1500)), ("0", .zero), ("0s", .zero), ("2us", .microseconds(2)), ("3ns", .nanoseconds(3)),
        ("876000h", .seconds(876_000 * 3600)),
    ]) func durationsAreRead(_ text: String, _ duration: Duration) throws {
        if duration < .seconds(100 * 365 * 86_400) {
            #expect(try DurationText.parse(text) == duration)
            #expect(try DurationText.parse(DurationText.render(duration)) == duration)
        } else {
            #expect(throws: ValueProblem.self) { try DurationText.parse(text) }
        }
    }

    @Test(arguments: [
        "", "s", "30", "30 s", "-1s", "1x", "1.2.3s", "1e3s", "∞", "s30", "1h-3m", "99999999999999999999h", ".s", "1M",
        "५s",
    ]) func otherTextsAreNoDurations(_ text: String) {
        #expect(throws: ValueProblem.self) { try DurationText.parse(text) }
    }

    @Test func durationsAreWrittenShort() {
        #expect(DurationText.render(.seconds(5400)) == "1h30m")
        #expect(DurationText.render(.milliseconds(61_500)) == "1m1s500ms")
        #expect(DurationText.render(.zero) == "0s")
    }

    @Test func referencesAreExpanded() throws {
        let environment = ["A": "1", "B_2": "two", "EMPTY": ""]
        #expect(try SecretExpansion.expand("x${A}y${B_2}${A}", environment: environment) == "x1ytwo1")
        // Only the exact form is a reference, and a value is not expanded again.
        for text in ["$A", "${", "${}", "${1}", "${A-b}", "${A", "$", "{A}", "é${ }"] {
            #expect(try SecretExpansion.expand(text, environment: environment) == text)
        }
        #expect(try SecretExpansion.expand("$${A}", environment: environment) == "${A}")
        #expect(try SecretExpansion.expand("${A}", environment: ["A": "${B}"]) == "${B}")
    }

    @Test func everyMissingNameIsNamedOnce() {
        #expect(throws: MissingVariables(names: ["X", "EMPTY", "Y"])) {
            try SecretExpansion.expand("${X}${EMPTY}${X}${Y}", environment: ["EMPTY": ""])
        }
    }

    @Test func masksShowReferencesAlone() {
        #expect(SecretExpansion.masked("sk-1") == "***")
        #expect(SecretExpansion.masked("Bearer ${K}") == "***${K}")
        #expect(SecretExpansion.masked("") == "")
    }

    @Test func aHintShowsTheEndOfALongSecretAlone() {
        #expect(SecretExpansion.hinted("sk-ant-api03-abcdefgh3f9c") == "…3f9c")
        #expect(SecretExpansion.hinted("sk-short-123456789a") == "***")
        #expect(SecretExpansion.hinted("prefix-${KEY}-and-a-long-suffix") == "***${KEY}***")
    }

    @Test func urlsAreTakenApart() throws {
        let url = try BaseURL("HTTPS://Api.Example.com:8443/v1/")
        #expect(url.scheme == "https" && url.host == "Api.Example.com" && url.port == 8443 && url.path == "/v1/")
        let plain = try BaseURL("http://[fe80::1%25eth0]")
        #expect(plain.host == "fe80::1%25eth0" && plain.port == 80 && plain.path.isEmpty)
    }

    @Test(arguments: [
        OutboundProxy(kind: .socks5, host: "127.0.0.1", port: 1080),
        OutboundProxy(kind: .http, host: "::1", port: 1, username: "a@b:c/d", password: "%é #${P}"),
        OutboundProxy(kind: .http, host: "h", port: 65535, username: "u"),
    ]) func proxiesReadBack(_ proxy: OutboundProxy) throws {
        #expect(try ProxyText.parse(ProxyText.render(proxy)) == proxy)
    }

    @Test func endpointsAreExpandedOrSayWhyNot() throws {
        var settings = EndpointSettings(name: "a")
        settings.url = "https://${HOST}/v1"
        settings.authType = .apiKey
        settings.authValue = "${KEY}"
        settings.headers = [HeaderField(name: "X", value: "${KEY}!")]
        let expanded = try settings.expanded(environment: ["HOST": "h", "KEY": "k"])
        #expect(expanded.url == "https://h/v1" && expanded.authValue == "k" && expanded.headers[0].value == "k!")

        #expect(throws: ValueProblem("environment variables HOST, KEY not set", fix: "set it and start again")) {
            try settings.expanded(environment: [:])
        }
        // A value from the environment can be as wrong as one from the file.
        for environment in [["HOST": "h", "KEY": "k\r\nX: y"], ["HOST": "a b", "KEY": "k"]] {
            #expect(throws: ValueProblem.self) { try settings.expanded(environment: environment) }
        }
        settings.authValue = nil
        #expect(throws: ValueProblem.self) { try settings.expanded(environment: ["HOST": "h", "KEY": "k"]) }
    }
}
