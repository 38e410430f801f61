import Configuration
import PodiumModel
import Proxy
import Ranking
import Testing

@testable import Engine
@testable import Persistence

private let epoch = ContinuousClock.now

/// Each setting of `server:`, `ranking:` and `timeouts:` has an effect when a hand edit changes it, or the operator is told that it
/// has one at the next start. A new setting fails `everySettingThereIsIsChanged` until its effect is said here.
@Suite struct SettingsInForceTests {
    /// Where an effect shows.
    private enum Effect {
        /// In what proxy, persister and access log run by.
        case running
        /// In the settings of the ranking.
        case ranking
        /// In the upstreams that requests are sent to.
        case upstreams
        /// Whether upstreams tell their names.
        case names
        /// Read when it is needed, from the settings in force.
        case whenNeeded
        /// Whether the ranking sorts itself.
        case sorting
        /// This note, and nothing else.
        case note(String)
    }

    private struct Change {
        var key: String
        var effect: Effect
        var change: @Sendable (inout Configuration) -> Void
    }

    private static let restart = "server.host and server.port take effect at the next start"

    private static let changes: [Change] = [
        Change(key: "server.host", effect: .note(restart)) { $0.server.host = "::1" },
        Change(key: "server.port", effect: .note(restart)) { $0.server.port = 9 },
        Change(key: "server.autoSortEndpoints", effect: .sorting) { $0.server.autoSortEndpoints = false },
        Change(key: "server.persist", effect: .running) { $0.server.persist = .off },
        Change(key: "server.persistStrategy", effect: .running) { $0.server.persistStrategy = .batched },
        Change(key: "server.configFlushInterval", effect: .running) { $0.server.configFlushInterval = .seconds(7) },
        Change(key: "server.configMaxDirtyTime", effect: .running) { $0.server.configMaxDirtyTime = .seconds(777) },
        Change(key: "server.onHangup", effect: .whenNeeded) { $0.server.onHangup = .exit },
        Change(key: "server.clientTokens", effect: .running) { $0.server.clientTokens = ["token"] },
        Change(key: "server.allowedOrigins", effect: .running) { $0.server.allowedOrigins = ["https://a.example"] },
        Change(key: "server.adminToken", effect: .whenNeeded) { $0.server.adminToken = "admin" },
        Change(key: "server.drainTimeout", effect: .whenNeeded) { $0.server.drainTimeout = .seconds(77) },
        Change(key: "server.allowInPlace", effect: .running) { $0.server.allowInPlace = true },
        Change(key: "server.replayLimit", effect: .note("server.replay_limit takes effect at the next start")) {
            $0.server.replayLimit = 7
        },
        Change(key: "server.replayMemory", effect: .note("server.replay_memory takes effect at the next start")) {
            $0.server.replayMemory = 7
        },
        Change(key: "server.halfClose", effect: .running) { $0.server.halfClose = .cancel },
        Change(key: "server.nameEndpoint", effect: .names) { $0.server.nameEndpoint = false },
        Change(key: "server.accessLog", effect: .running) { $0.server.accessLog = .file("access.json") },
        Change(key: "ranking.hysteresis", effect: .ranking) { $0.ranking.hysteresis = 0.5 },
        Change(key: "ranking.minDwell", effect: .ranking) { $0.ranking.minDwell = .seconds(77) },
        Change(key: "ranking.decay", effect: .ranking) { $0.ranking.decay = .seconds(77) },
        Change(key: "ranking.stickySessions", effect: .running) { $0.ranking.stickySessions = nil },
        Change(key: "ranking.explore", effect: .running) { $0.ranking.explore = 0 },
        Change(key: "timeouts.connect", effect: .upstreams) { $0.timeouts.connect = .seconds(77) },
        Change(key: "timeouts.tlsHandshake", effect: .upstreams) { $0.timeouts.tlsHandshake = .seconds(77) },
        Change(key: "timeouts.responseHeader", effect: .upstreams) { $0.timeouts.responseHeader = .seconds(77) },
        Change(key: "timeouts.response", effect: .upstreams) { $0.timeouts.response = .seconds(77) },
        Change(key: "timeouts.streamIdle", effect: .upstreams) { $0.timeouts.streamIdle = .seconds(77) },
        Change(key: "timeouts.idleConnection", effect: .upstreams) { $0.timeouts.idleConnection = .seconds(77) },
        Change(key: "timeouts.healthCheckTimeout", effect: .upstreams) {
            $0.timeouts.healthCheckTimeout = .seconds(77)
        },
        Change(key: "timeouts.checkInterval", effect: .ranking) { $0.timeouts.checkInterval = .seconds(77) },
        Change(key: "timeouts.recoveryThreshold", effect: .ranking) { $0.timeouts.recoveryThreshold = 7 },
    ]

    private static func start() -> (state: EngineState, file: Configuration) {
        var endpoint = EndpointSettings(name: "only")
        endpoint.url = "http://127.0.0.1:1"
        endpoint.priority = 1
        let file = Configuration(endpoints: [endpoint])
        return (EngineState(configuration: file, context: ConfigurationContext(), now: epoch), file)
    }

    private static func edit(_ file: Configuration, to edited: Configuration) -> ExternalEdit {
        let ancestor = PersistedState(configuration: file)
        let theirs = PersistedState(configuration: edited)
        return ExternalEdit(
            configuration: edited, ancestor: ancestor, theirs: FileAlignment(known: ancestor).align(theirs),
            theirAutoSort: theirs.autoSortEndpoints)
    }

    private static func keys(of section: Any, _ name: String) -> [String] {
        Mirror(reflecting: section).children.compactMap(\.label).map { "\(name).\($0)" }
    }

    @Test func everySettingThereIsIsChanged() {
        let file = Configuration()
        let there =
            Self.keys(of: file.server, "server") + Self.keys(of: file.ranking, "ranking")
            + Self.keys(of: file.timeouts, "timeouts")
        #expect(there.sorted() == Self.changes.map(\.key).sorted())
    }

    @Test func eachOneTakesEffectByAHandEdit() throws {
        for change in Self.changes {
            var (state, file) = Self.start()
            let before = state
            var edited = file
            change.change(&edited)
            #expect(edited != file, "\(change.key) is not changed by the test")
            let (_, effects) = state.takeIn(Self.edit(file, to: edited), now: epoch, wallTime: 0)
            let notes = state.events.after(0, limit: 10).map(\.text)
            // Whatever was changed, proxy, persister and access log are brought in line, and requests follow.
            #expect(effects.tasks.contains(.followSettings) && effects.routes != nil)
            switch change.effect {
            case .running: #expect(state.running != before.running, "\(change.key)")
            case .ranking: #expect(state.ranking.settings != before.ranking.settings, "\(change.key)")
            case .upstreams:
                #expect(try timeouts(of: state) != timeouts(of: before), "\(change.key)")
            case .names:
                #expect(before.configuration.server.namesEndpoints && !state.configuration.server.namesEndpoints)
                #expect(upstream(of: state) !== upstream(of: before), "\(change.key)")
            case .sorting: #expect(state.ranking.isAutoSorting != before.ranking.isAutoSorting, "\(change.key)")
            case .whenNeeded: #expect(state.configuration.server == edited.server, "\(change.key)")
            case .note(let text): #expect(notes == [text], "\(change.key)")
            }
        }
    }

    private func upstream(of state: EngineState) -> Upstream? { state.record(named: "only")?.upstream }

    private func timeouts(of state: EngineState) throws -> UpstreamTimeouts {
        try #require(state.record(named: "only")?.upstream).timeouts
    }

    /// A token whose variable is not set admits nobody; without any other, nobody at all.
    @Test func tokensThatCannotBeExpandedLockOut() {
        var server = ServerSettings()
        server.clientTokens = ["${MISSING}"]
        let context = ConfigurationContext(environment: ["THERE": "token"])
        #expect(RunningSettings(Configuration(server: server), context).clients.clientTokens == [""])
        server.clientTokens = ["${MISSING}", "${THERE}"]
        #expect(RunningSettings(Configuration(server: server), context).clients.clientTokens == ["token"])
        server.clientTokens = []
        #expect(RunningSettings(Configuration(server: server), context).clients.clientTokens.isEmpty)
    }
}
