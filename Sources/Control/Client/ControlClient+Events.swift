internal import FoundationEssentials
internal import NIOCore
internal import NIOHTTP1
public import PodiumModel

extension ControlClient {
    /// What the stream of events brings.
    public enum EventStreamItem: Sendable, Equatable {
        case event(Snapshot.Event)
        /// That many events were lost to this reader: more happened than Podium keeps.
        case missed(UInt64)
    }

    /// The events as they happen, until the task is cancelled or the connection breaks, which throws `ControlClientError`.
    ///
    /// - Parameter id: the last one already known; nil begins with what happens from now on.
    public func events(after id: UInt64? = nil) -> AsyncThrowingStream<EventStreamItem, any Error> {
        var headers: HTTPHeaders = ["Accept": "text/event-stream"]
        if let id {
            headers.add(name: "Last-Event-ID", value: String(id))
        }
        let head = requestHead(.GET, "/admin/api/events", headers: headers, bodyLength: nil)
        let exchange = HTTPExchange(socketPath: socketPath)
        return AsyncThrowingStream(bufferingPolicy: .bufferingOldest(4_096)) { continuation in
            let task = Task {
                do {
                    try await Self.receive(head, exchange) { continuation.yield($0) }
                    continuation.finish(throwing: ControlClientError.disconnected)
                } catch {
                    continuation.finish(throwing: error as? ControlClientError ?? .disconnected)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private static func receive(
        _ head: HTTPRequestHead, _ exchange: HTTPExchange, _ yield: @Sendable (EventStreamItem) -> Void
    ) async throws {
        try await exchange.connect().executeThenClose { inbound, outbound in
            try await outbound.write(contentsOf: [.head(head), .end(nil)])
            var parser = EventStreamParser()
            var refusal: [UInt8]?
            for try await part in inbound {
                switch part {
                case .head(let head) where head.status != .ok:
                    refusal = []
                case .body(let buffer) where refusal != nil:
                    refusal?.append(contentsOf: buffer.readableBytesView)
                case .body(let buffer):
                    for message in parser.parse(buffer.readableBytesView) {
                        if let item = try item(message) {
                            yield(item)
                        }
                    }
                case .end:
                    if let refusal {
                        throw ControlClientError.refused(try decode(ControlProblem.self, refusal))
                    }
                case .head:
                    break
                }
            }
        }
    }

    private static func item(_ message: EventStreamParser.Message) throws(ControlClientError) -> EventStreamItem? {
        switch message.event {
        case "missed": .missed(UInt64(message.data) ?? 0)
        case "event": .event(try decode(Snapshot.Event.self, Array(message.data.utf8)))
        default: nil
        }
    }
}
