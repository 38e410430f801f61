internal import PodiumModel

/// What the console shows of an endpoint.
extension Snapshot.Endpoint {
    /// Which API it serves, by the URLs it has.
    enum Kind: String, Sendable, Equatable, CaseIterable {
        case anthropic = "anth"
        case openAI = "oai"
        case any = "any"
    }

    /// Which API it serves.
    var kind: Kind {
        switch (settings.url, settings.urlAnthropic, settings.urlOpenAI) {
        case (nil, .some, nil): .anthropic
        case (nil, nil, .some): .openAI
        default: .any
        }
    }

    /// How often it has changed rank since the start, as far as that is told.
    var rankChanges: Int { explanation?.rankChanges ?? 0 }

    /// Why it has its rank, or cannot be used: one finished sentence per line.
    var sentences: [String] {
        (explanation?.sentences ?? misconfiguration.map { ["Cannot be used: \($0)."] } ?? [])
            + (notInFile.map { ["In force, but not in the file: \($0)."] } ?? [])
    }

    /// Mean time to the first byte in milliseconds over the last minute, oldest first; 0 means no traffic.
    var latencySeries: [Double] {
        traffic.firstByteMillisecondsSeries.map { $0.map { min(max($0, 1), 4e9).rounded(.down) } ?? 0 }
    }
}

extension Snapshot.Traffic {
    /// Median time to the first byte; nil without traffic.
    var p50: Duration? { p50Seconds.map { .seconds($0) } }

    /// 95th percentile of the time to the first byte; nil without traffic.
    var p95: Duration? { p95Seconds.map { .seconds($0) } }

    /// 99th percentile of the time to the first byte; nil without traffic.
    var p99: Duration? { p99Seconds.map { .seconds($0) } }

    /// Fraction of requests that failed; nil without traffic.
    var errorRate: Double? { successRatio.map { 1 - $0 } }
}
