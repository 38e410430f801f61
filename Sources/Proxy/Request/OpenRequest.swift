internal import HTTPWire
public import Ranking
internal import NIOCore
internal import Support

/// A request that runs, as it stood when it was looked at. Nothing is kept for it on the way: the connections are asked when an operator
/// asks.
public struct OpenRequest: Sendable {
    /// How far it has come.
    public enum Phase: String, Sendable, CaseIterable {
        case sending, queued, connecting, waiting, streaming, delivering
    }

    /// Names its event loop, by its place, and the request there.
    public struct Key: Sendable, Hashable {
        public let loop: Int
        public let serial: UInt64

        /// Of a loop and a request of it.
        public init(loop: Int, serial: UInt64) {
            self.loop = loop
            self.serial = serial
        }
    }

    public internal(set) var key: Key
    public let id: String
    public let age: Duration
    public let phase: Phase
    public let client: String
    public let path: String
    public let endpoint: EndpointID?
    public let model: String?
    public let attempts: Int
    public let bytesUp: Int
    public let bytesDown: Int
    public let events: Int
    public let firstByte: Duration?
}

extension RequestConnection {
    /// nil between requests.
    final var openRequest: OpenRequest? {
        guard let phase = machine.state.openPhase(isUploading: machine.isUploading) else { return nil }
        let now = NIODeadline.now()
        return OpenRequest(
            key: OpenRequest.Key(loop: 0, serial: request.serial), id: request.requestIDText,
            age: Duration(now - request.started), phase: phase,
            client: request.client?.name ?? clientAddress?.ipAddress ?? "", path: request.path,
            endpoint: attempt.upstream?.id, model: request.modelAsked ?? request.model,
            attempts: failover.attempts.count + (attempt.isRunning ? 1 : 0), bytesUp: request.bytesUp,
            bytesDown: response.bytesDown, events: response.gate.eventCount,
            firstByte: response.firstSent.map { Duration($0 - request.started) })
    }

    /// An operator wants it ended. Nothing is held against its endpoint, and its connection is closed.
    final func cancelRequest(_ serial: UInt64) -> Bool {
        guard request.serial == serial, machine.state.openPhase(isUploading: false) != nil else { return false }
        abort(.cancelled)
        return true
    }
}

extension ExchangeState {
    fileprivate func openPhase(isUploading: Bool) -> OpenRequest.Phase? {
        switch self {
        case .received: .sending
        case .choosing, .parked: .queued
        case .connecting, .handshaking: .connecting
        case .awaitingHead: isUploading ? .sending : .waiting
        case .buffered: .waiting
        case .streaming: .streaming
        case .delivering: .delivering
        case .idle, .readingHead, .ended, .flushing, .lingering, .closed: nil
        }
    }
}
