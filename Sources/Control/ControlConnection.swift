internal import Engine
internal import NIOCore
internal import NIOHTTP1
internal import PodiumModel
internal import Synchronization

/// Limits of the control API's server.
struct ControlLimits: Sendable {
    /// An endpoint's document takes a few hundred bytes.
    var body = 64 * 1024
    /// From a connection's opening, or its last answer, to the end of the next request.
    var request = TimeAmount.seconds(30)
    /// How long a client may take none of an answer.
    var write = TimeAmount.seconds(30)
    /// Between two signs of life in a stream of events.
    var heartbeat = Duration.seconds(15)
    /// Open connections over the socket, and as many over TCP; further ones are answered 503.
    var connections = 64
}

/// One connection of the control API: collects a request, has it answered, sends the answer.
final class ControlConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        case waiting
        case reading(HTTPRequestHead, [UInt8])
        case answering
        /// An answer has been given before the request's end: the rest is of no interest.
        case ignoring
    }

    private let service: ControlService
    private let caller: Caller
    private let access: @Sendable () -> AccessRules?
    private let limits: ControlLimits
    /// Over TCP, the connection serves one request: the next one may be meant for an endpoint.
    private let isSingle: Bool
    /// Called when a request shows that its sender may ask everything: what it takes is not a stranger's.
    private let admitted: @Sendable () -> Void
    /// Called with the reason when a request is refused because its sender may not make it.
    private let refused: @Sendable (String) -> Void
    private let streams: RunningStreams
    private var state = State.waiting
    private var inputIsClosed = false
    /// The answer does not wait for the request's end.
    private var ignoresRest = false
    private var deadline: Scheduled<Void>?
    private var running: Task<Void, Never>?

    init(
        service: ControlService, caller: Caller, access: @escaping @Sendable () -> AccessRules?, limits: ControlLimits,
        isSingle: Bool, admitted: @escaping @Sendable () -> Void, refused: @escaping @Sendable (String) -> Void,
        streams: RunningStreams
    ) {
        self.admitted = admitted
        self.streams = streams
        self.refused = refused
        self.service = service
        self.caller = caller
        self.access = access
        self.limits = limits
        self.isSingle = isSingle
    }

    func handlerAdded(context: ChannelHandlerContext) {
        expectRequest(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    /// A client that has said FIN may still wait for its answer; what it left unfinished stays so.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else {
            return context.fireUserInboundEventTriggered(event)
        }
        inputIsClosed = true
        if case .answering = state {
            return
        }
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .waiting):
            begin(head, context)
        case (.body(let buffer), .reading(let head, var body)):
            guard body.count + buffer.readableBytes <= limits.body else {
                return refuse(head, .bodyTooLarge(limits.body), context)
            }
            body.append(contentsOf: buffer.readableBytesView)
            state = .reading(head, body)
        case (.end, .reading(let head, let body)):
            answer(head, body, context)
        default:
            break
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        state = .reading(head, [])
        if let rules = access() {
            guard (try? rules.judge(head.headers)) == .owner else {
                // Nothing that a stranger may ask has a body: half a request must not keep a place.
                ignoresRest = true
                return answer(head, [], context)
            }
            admitted()
        }
        if let text = head.headers.first(name: "Content-Length"), Int(text) ?? .max > limits.body {
            return refuse(head, .bodyTooLarge(limits.body), context)
        }
        if head.headers[canonicalForm: "Expect"].contains(where: { $0.lowercased() == "100-continue" }) {
            context.writeAndFlush(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
        }
    }

    /// Says no before the request has been read to its end, which is not waited for.
    private func refuse(_ head: HTTPRequestHead, _ problem: CommandRefusal, _ context: ChannelHandlerContext) {
        state = .ignoring
        deadline?.cancel()
        send(problem.answer, to: head, closes: true, context)
    }

    private func answer(_ head: HTTPRequestHead, _ body: [UInt8], _ context: ChannelHandlerContext) {
        state = .answering
        deadline?.cancel()
        let request = ControlRequest(head, body: body, caller: caller)
        let (service, access) = (service, access)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let channel = context.channel
        running = Task {
            let answer = await service.answer(request, access: access())
            // Once the server is stopped, so may be the loops.
            guard channel.isActive else {
                return
            }
            channel.eventLoop.execute {
                let (connection, context) = bound.value
                let closes = connection.isSingle || connection.inputIsClosed || !head.isKeepAlive
                connection.send(answer, to: head, closes: closes, context)
            }
        }
    }

    // MARK: Sending

    private func send(
        _ answer: ControlAnswer, to request: HTTPRequestHead, closes: Bool, _ context: ChannelHandlerContext
    ) {
        guard context.channel.isActive else {
            return
        }
        if answer.status == 401 || answer.status == 403 {
            refused("\(answer.status) for \(request.method.rawValue)")
        }
        var headers = HTTPHeaders(answer.headers)
        headers.add(name: "X-Content-Type-Options", value: "nosniff")
        var bytes: [UInt8] = []
        switch answer.body {
        case .none:
            break
        case .bytes(let body, let type):
            bytes = body
            headers.add(name: "Content-Type", value: type)
        case .events(let id):
            return stream(after: id, headers, to: request, context)
        }
        if answer.status != 204 {
            headers.add(name: "Content-Length", value: String(bytes.count))
        }
        if closes {
            headers.add(name: "Connection", value: "close")
        }
        let head = HTTPResponseHead(
            version: .http1_1, status: .init(statusCode: answer.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !bytes.isEmpty, request.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
        }
        finish(closes: closes, context)
    }

    private func finish(closes: Bool, _ context: ChannelHandlerContext) {
        let sent = context.eventLoop.makePromise(of: Void.self)
        watch(sent.futureResult, context)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        sent.futureResult.whenComplete { _ in
            let (connection, context) = bound.value
            if closes {
                connection.closeGracefully(context)
            }
        }
        // The next request, if it was sent ahead, arrives while this is written.
        if !closes {
            expectRequest(context)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: sent)
    }

    /// Says FIN first and lets the client close: closing on unread bytes would destroy the answer on its way.
    private func closeGracefully(_ context: ChannelHandlerContext) {
        if case .ignoring = state {
            ignoresRest = true
        }
        guard ignoresRest else {
            return context.close(promise: nil)
        }
        context.close(mode: .output, promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: .seconds(2)) { bound.value.close(promise: nil) }
    }

    /// A client that takes nothing of what it asked for is let go.
    private func watch(_ sent: EventLoopFuture<Void>, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let timeout = context.eventLoop.scheduleTask(in: limits.write) { bound.value.close(promise: nil) }
        sent.whenComplete { _ in timeout.cancel() }
    }

    // MARK: Events

    private func stream(
        after id: UInt64?, _ headers: HTTPHeaders, to request: HTTPRequestHead, _ context: ChannelHandlerContext
    ) {
        var headers = headers
        headers.add(name: "Content-Type", value: "text/event-stream")
        headers.add(name: "Cache-Control", value: "no-store")
        headers.add(name: "Connection", value: "close")
        let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: headers)
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
        guard request.method != .HEAD else {
            return finish(closes: true, context)
        }
        let stream = EventStream(engine: service.engine, heartbeat: limits.heartbeat)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let loop = context.eventLoop
        running = streams.start {
            await stream.run(after: id) { text in
                // One piece at a time: what a slow reader has not taken yet stays in the event log, not here.
                try await loop.flatSubmit {
                    let (connection, context) = bound.value
                    return connection.write(text, context)
                }.get()
            }
        }
    }

    private func write(_ text: String, _ context: ChannelHandlerContext) -> EventLoopFuture<Void> {
        let sent = context.eventLoop.makePromise(of: Void.self)
        watch(sent.futureResult, context)
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: sent)
        return sent.futureResult
    }

    // MARK: Time

    private func expectRequest(_ context: ChannelHandlerContext) {
        state = .waiting
        deadline?.cancel()
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: limits.request) { bound.value.close(promise: nil) }
    }

    private func end() {
        deadline?.cancel()
        deadline = nil
        // Ends a stream of events; a command that has begun runs to its end all the same.
        running?.cancel()
    }
}

extension CommandRefusal {
    fileprivate static func bodyTooLarge(_ limit: Int) -> CommandRefusal {
        CommandRefusal(.bodyTooLarge, "a body may have up to \(limit) bytes")
    }
}

/// The event log as server-sent events. Keeps nothing: a reader that is slow finds what it missed in the log, and where it
/// is too slow for that, how much it missed.
struct EventStream: Sendable {
    private static let atOnce = 100
    /// Between two pieces: what repeats a thousand times a second is told of a few times.
    private static let gap = Duration.milliseconds(100)

    let engine: Engine
    let heartbeat: Duration

    /// Sends until sending fails or the task is cancelled.
    func run(after id: UInt64?, send: @escaping @Sendable (String) async throws -> Void) async {
        let signals = engine.eventSignals()
        let start = engine.events(after: .max, limit: 0)
        // An id from before a restart counts other events.
        var place = Place(last: id.map { $0 > start.newest ? 0 : $0 } ?? start.newest)
        if id == nil { place.dropped = start.dropped }
        do {
            try await send("retry: 2000\n: podium\n\n")
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                let beat = heartbeat
                let (ticks, tick) = AsyncStream<Bool>.makeStream(bufferingPolicy: .bufferingNewest(1))
                tasks.addTask {
                    for await _ in signals { tick.yield(true) }
                }
                tasks.addTask {
                    while !Task.isCancelled {
                        try await Task.sleep(for: beat)
                        tick.yield(false)
                    }
                }
                try await catchUp(&place, send: send)
                for await hasNews in ticks {
                    let before = place.last
                    try await catchUp(&place, send: send)
                    if !hasNews, place.last == before {
                        try await send(": still here\n\n")
                    } else if place.last != before {
                        try await Task.sleep(for: Self.gap)
                    }
                }
                tasks.cancelAll()
            }
        } catch {
            return
        }
    }

    /// How far a reader got.
    private struct Place {
        var last: UInt64
        /// How many events had been dropped by then.
        var dropped: UInt64 = 0
    }

    private func catchUp(_ place: inout Place, send: (String) async throws -> Void) async throws {
        while true {
            let kept = engine.events(after: place.last, limit: .max, dropped: place.dropped)
            place.dropped = kept.dropped
            var text = kept.missed > 0 ? "event: missed\ndata: \(kept.missed)\n\n" : ""
            for event in kept.events.prefix(Self.atOnce) {
                let json = String(decoding: try JSONBody.encode(event), as: UTF8.self)
                text += "id: \(event.id)\nevent: event\ndata: \(json)\n\n"
                place.last = event.id
            }
            guard !text.isEmpty else { return }
            try await send(text)
        }
    }
}

/// The streams of events that run now, so that a server that stops can wait for them to let go of its event loops.
final class RunningStreams: Sendable {
    private struct State {
        var tasks: [UInt64: Task<Void, Never>] = [:]
        var next: UInt64 = 0
        var isStopped = false
    }

    private let state = Mutex(State())

    /// - Returns: nil once `stop` was called; then nothing runs.
    func start(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never>? {
        state.withLock { state in
            guard !state.isStopped else {
                return nil
            }
            state.next += 1
            let key = state.next
            let task = Task {
                await body()
                self.ended(key)
            }
            state.tasks[key] = task
            return task
        }
    }

    /// Cancels what runs and returns when it has ended.
    func stop() async {
        let tasks = state.withLock { state in
            state.isStopped = true
            return Array(state.tasks.values)
        }
        for task in tasks {
            task.cancel()
            await task.value
        }
    }

    private func ended(_ key: UInt64) {
        state.withLock { state in
            state.tasks[key] = nil
        }
    }
}
