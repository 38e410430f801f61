internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// One request and its answer on a connection of their own.
struct HTTPExchange {
    struct Answer {
        var status: Int
        var body: [UInt8]
    }

    /// What a snapshot of 10,000 endpoints takes, several times over.
    private static let largestAnswer = 256 << 20

    let socketPath: String

    func run(
        _ head: HTTPRequestHead, body: [UInt8], timeout: Duration
    ) async throws(ControlClientError) -> Answer {
        let outcome: Result<Answer, ControlClientError> = await withTaskGroup { tasks in
            tasks.addTask { await converse(head, body: body) }
            tasks.addTask {
                try? await Task.sleep(for: timeout)
                return .failure(Task.isCancelled ? .cancelled : .timeout)
            }
            let first = await tasks.next() ?? .failure(.cancelled)
            tasks.cancelAll()
            return first
        }
        return try outcome.get()
    }

    private func converse(_ head: HTTPRequestHead, body: [UInt8]) async -> Result<Answer, ControlClientError> {
        do throws(ControlClientError) {
            let channel = try await connect()
            return await Self.converse(channel, head, body: body)
        } catch {
            return .failure(error)
        }
    }

    typealias HTTPChannel = NIOAsyncChannel<HTTPClientResponsePart, HTTPPart<HTTPRequestHead, ByteBuffer>>

    func connect() async throws(ControlClientError) -> HTTPChannel {
        do {
            return try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup).connect(
                unixDomainSocketPath: socketPath
            ) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(RequestBodyParts())
                    return try HTTPChannel(wrappingChannelSynchronously: channel)
                }
            }
        } catch let error as IOError {
            let reason =
                switch error.errnoCode {
                case ENOENT: "no Podium serves there"
                case ECONNREFUSED: "nobody listens there any more"
                case EACCES, EPERM: "you may not use it; it belongs to another user"
                default: error.description
                }
            throw .unreachable(path: socketPath, reason: reason)
        } catch is CancellationError {
            throw .cancelled
        } catch {
            throw .unreachable(path: socketPath, reason: "\(error)")
        }
    }

    private static func converse(
        _ channel: HTTPChannel, _ head: HTTPRequestHead, body: [UInt8]
    ) async -> Result<Answer, ControlClientError> {
        do {
            return try await channel.executeThenClose { inbound, outbound in
                // In one go: a server that has the head of a GET may have answered and closed before an end is written.
                let content: [HTTPPart<HTTPRequestHead, ByteBuffer>] =
                    body.isEmpty ? [] : [.body(ByteBuffer(bytes: body))]
                try await outbound.write(contentsOf: [.head(head)] + content + [.end(nil)])
                var answer = Answer(status: 0, body: [])
                for try await part in inbound {
                    switch part {
                    case .head(let head):
                        answer.status = Int(head.status.code)
                    case .body(let buffer):
                        answer.body.append(contentsOf: buffer.readableBytesView)
                        guard answer.body.count <= largestAnswer else {
                            return .failure(.unexpectedAnswer("it is too long"))
                        }
                    case .end:
                        return .success(answer)
                    }
                }
                return .failure(Task.isCancelled ? .cancelled : .disconnected)
            }
        } catch is CancellationError {
            return .failure(.cancelled)
        } catch {
            return .failure(Task.isCancelled ? .cancelled : .disconnected)
        }
    }
}

/// The encoder takes bodies as `IOData`.
private final class RequestBodyParts: ChannelOutboundHandler, Sendable {
    typealias OutboundIn = HTTPPart<HTTPRequestHead, ByteBuffer>
    typealias OutboundOut = HTTPClientRequestPart

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let part: HTTPClientRequestPart =
            switch unwrapOutboundIn(data) {
            case .head(let head): .head(head)
            case .body(let buffer): .body(.byteBuffer(buffer))
            case .end(let trailers): .end(trailers)
            }
        context.write(wrapOutboundOut(part), promise: promise)
    }
}

/// Server-sent events out of bytes that arrive in any pieces. Pure.
struct EventStreamParser {
    struct Message: Equatable {
        var event = "message"
        var data = ""
        var id: String?
    }

    private var line: [UInt8] = []
    private var message = Message()
    private var dataLines: [String] = []

    /// The messages that these bytes complete.
    mutating func parse(_ bytes: some Sequence<UInt8>) -> [Message] {
        var complete: [Message] = []
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                continue
            }
            if line.last == UInt8(ascii: "\r") {
                line.removeLast()
            }
            if line.isEmpty {
                if !dataLines.isEmpty {
                    message.data = dataLines.joined(separator: "\n")
                    complete.append(message)
                }
                message = Message()
                dataLines = []
            } else {
                take(String(decoding: line, as: UTF8.self))
            }
            line.removeAll(keepingCapacity: true)
        }
        return complete
    }

    private mutating func take(_ line: String) {
        // A line that begins with a colon is a comment: the heartbeat.
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let value = parts.count > 1 ? String(parts[1].hasPrefix(" ") ? parts[1].dropFirst() : parts[1]) : ""
        switch parts.first {
        case "event": message.event = value
        case "data": dataLines.append(value)
        case "id": message.id = value
        default: break
        }
    }
}
