public import Logging

/// Hands what is logged through swift-log to a sink. The metadata keys `source` and `endpoint` have places of their own.
public struct SinkLogHandler: LogHandler {
    /// What is less important is not logged.
    public var logLevel: Logger.Level
    /// Added to each line.
    public var metadata: Logger.Metadata = [:]
    private let sink: LogSink

    /// A handler for one logger.
    public init(sink: LogSink, level: Logger.Level) {
        self.sink = sink
        logLevel = level
    }

    /// One entry of the metadata that is added to each line.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Hands the event over; never waits.
    public func log(event: LogEvent) {
        let all = event.metadata.map { metadata.merging($0) { _, new in new } } ?? metadata
        let details = all.filter { $0.key != "source" && $0.key != "endpoint" }
            .sorted { $0.key < $1.key }
            .map { LogLine.Detail(key: $0.key, value: "\($0.value)") }
        sink.write(
            LogLine(
                time: .now(), level: event.level, source: all["source"].map { "\($0)" } ?? event.source,
                endpoint: all["endpoint"].map { "\($0)" }, message: "\(event.message)", details: details))
    }
}
