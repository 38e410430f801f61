import Pricing
import Testing

@testable import Configuration

@Suite("History, prices and multipliers in the file")
struct UsageSettingsTests {
    private static let endpoint = "endpoints: [{name: a, url: \"https://a\"}]\n"

    private func load(_ text: String) -> LoadedConfiguration {
        ConfigurationLoader.load(bytes: Array(text.utf8), environment: [:])
    }

    @Test("Without a word about them they have their defaults, and all of them can be said")
    func values() throws {
        #expect(try #require(load(Self.endpoint).configuration).usage == UsageSettings())
        let loaded = load(
            """
            history: {path: state, keep_requests: 3d, keep_hours: 48h, keep_days: 90d, max_size: 2GiB}
            usage: {prices: prices.json, read: on, ask_for_usage: on}
            endpoints:
              - {name: a, url: "https://a", cost_multiplier: 0.3}
              - {name: b, url: "https://b"}
            """)
        #expect(loaded.diagnostics.isEmpty, "\(loaded.diagnostics)")
        let usage = try #require(loaded.configuration).usage
        #expect(usage.reads && usage.asksForUsage)
        #expect(usage.place == .folder("state") && usage.prices == .file("prices.json"))
        #expect(usage.keepHours == .seconds(2 * 86_400) && usage.keepDays == .seconds(90 * 86_400))
        #expect(usage.multipliers == ["a": try #require(CostMultiplier("0.3"))])
        #expect(usage.keepRequests == .seconds(3 * 86_400) && usage.maxSize == 2 << 30)
        let off = try #require(
            load("history: {path: off, keep_requests: 0}\nusage: {prices: off, read: off}\n" + Self.endpoint)
                .configuration
        ).usage
        #expect(!off.reads && !off.asksForUsage)
        #expect(off.place == .off && off.prices == .off && off.keepRequests == .zero)
    }

    @Test("What cannot be meant is said with its line")
    func mistakes() {
        for text in [
            "history: {keep_hours: 1h}\n" + Self.endpoint, "history: {keep_days: 4000d}\n" + Self.endpoint,
            "usage: {read: perhaps}\n" + Self.endpoint, "usage: {ask_for_usage: 1.5}\n" + Self.endpoint,
            "history: {keep_requests: 1h}\n" + Self.endpoint, "history: {max_size: 1MiB}\n" + Self.endpoint,
            "endpoints: [{name: a, url: \"https://a\", cost_multiplier: -1}]\n",
            "endpoints: [{name: a, url: \"https://a\", cost_multiplier: 0.00001}]\n",
        ] {
            let loaded = load(text)
            #expect(loaded.errors.count == 1 && loaded.errors.first?.line == 1, "\(text) \(loaded.diagnostics)")
        }
        #expect(load("history: {keep_log: 1d}\n" + Self.endpoint).diagnostics.count == 1)
    }
}
