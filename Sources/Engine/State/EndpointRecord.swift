internal import Configuration
internal import PodiumModel
internal import Proxy
internal import Ranking

/// Everything the engine holds about one endpoint.
struct EndpointRecord: Sendable {
    let id: EndpointID
    var settings: EndpointSettings
    /// Raised by each operator-visible change, so that a command based on an older picture can be refused.
    var revision: UInt64 = 1
    /// nil while the endpoint cannot be used as configured; `misconfiguration` says why.
    var upstream: Upstream?
    var misconfiguration: String?
    var traffic = TrafficWindow()
    var counters = EndpointCounters()
    /// Shared by all upstreams that are made of it.
    let load: EndpointLoad
    var successStreak = 0
    var hasAnsweredProbe = false
    var lastError: LastError?
    /// Failed attempts since start, by what they failed by.
    var errors: [ErrorKind: UInt64] = [:]
    var learning = PreferenceLearning()

    struct LastError: Sendable {
        /// Seconds since 1970.
        var time: Double
        var text: String
    }

    init(id: EndpointID, settings: EndpointSettings, load: EndpointLoad = EndpointLoad()) {
        self.id = id
        self.settings = settings
        self.load = load
    }

    mutating func modify(_ body: (inout EndpointRecord) -> Void) {
        body(&self)
    }
}
