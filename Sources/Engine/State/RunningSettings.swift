internal import Configuration
internal import Proxy

/// What the parts beside the engine's state (proxy, persister, access log) are to run by, as the settings in force say.
///
/// `Engine` makes these parts with it and brings them in line with it after each hand edit, by one and the same value: a setting that
/// works at the start works after an edit too. What else follows from settings is in `EngineState.adopt`, and what is read only
/// when it is needed, such as `drain_timeout`, follows by itself.
struct RunningSettings: Sendable, Equatable {
    struct Saving: Sendable, Equatable {
        var persist: PersistMode
        var strategy: PersistStrategy
        var flushInterval: Duration
        var maxDirtyTime: Duration
        var allowInPlace: Bool
    }

    var clients = ClientRules()
    var saving: Saving
    var accessLog: AccessLog.Target

    init(_ server: ServerSettings, _ context: ConfigurationContext) {
        let tokens = server.clientTokens.compactMap { try? context.expanded($0) }
        // A token whose variable is not set admits nobody. Where none is left, no client may be let in for lack of one.
        clients.clientTokens = tokens.isEmpty && !server.clientTokens.isEmpty ? [""] : tokens
        clients.allowedOrigins = server.allowedOrigins
        clients.halfClose = HalfClosePolicy(server.halfClose)
        saving = Saving(
            persist: server.persist, strategy: server.persistStrategy, flushInterval: server.configFlushInterval,
            maxDirtyTime: server.configMaxDirtyTime, allowInPlace: server.allowInPlace)
        accessLog =
            switch server.accessLog {
            case .off: .off
            case .file(let path): .file(path: context.located(path))
            case .standardOutput: context.standardOutputIsFree ? .standardOutput : .off
            }
    }
}

extension HalfClosePolicy {
    fileprivate init(_ action: HalfCloseAction) {
        self =
            switch action {
            case .probe: .probe
            case .serve: .serve
            case .cancel: .cancel
            }
    }
}
