import NIOCore
import NIOHTTP1
import NIOPosix
import Support

/// One connection of a simulated endpoint: reads a request, asks the script, plays the answer.
///
/// Reading stops while an answer is under way, so pipelined requests wait in the kernel.
final class DemoUpstream: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = HTTPServerResponsePart

    private static let bodyLimit = 1 << 20

    private let decide: (_ request: Int) -> DemoBehaviour
    private let nextNumber: () -> Int
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var isTooLarge = false
    private var isAnswering = false
    private var scheduled: Scheduled<Void>?

    init(nextNumber: @escaping () -> Int, decide: @escaping (_ request: Int) -> DemoBehaviour) {
        self.nextNumber = nextNumber
        self.decide = decide
    }

    func read(context: ChannelHandlerContext) {
        if !isAnswering { context.read() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.removeAll(keepingCapacity: true)
            isTooLarge = false
        case .body(let buffer):
            if body.count + buffer.readableBytes > Self.bodyLimit {
                isTooLarge = true
            } else {
                body.append(contentsOf: buffer.readableBytesView)
            }
        case .end:
            guard let head else { return }
            isAnswering = true
            answer(head, context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        scheduled?.cancel()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    // MARK: Answering

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let path = head.uri.prefix { $0 != "?" }
        let anthropicShape = path.hasPrefix("/v1/messages") || head.headers.contains(name: "anthropic-version")
        func refuse(_ status: Int) {
            sendJSON(DemoAnswer.error(status: status, isAnthropic: anthropicShape), status: status, context)
        }
        guard let api = DemoAPI(path: path) else { return refuse(404) }
        guard head.method == (api == .models ? .GET : .POST) else { return refuse(405) }
        guard !isTooLarge else { return refuse(413) }
        let request = api == .models ? nil : DemoRequestBody(body)
        guard api == .models || request != nil else { return refuse(400) }

        let number = nextNumber()
        let answer = DemoAnswer(api: api, model: request?.model ?? "demo-large", number: number)
        let streams = request?.stream == true && !answer.events.isEmpty
        switch decide(number) {
        case .answer(let delay, let pace):
            after(delay, context) {
                streams
                    ? self.sendStream(answer.events, pace: pace, breaksOff: false, context)
                    : self.sendJSON(answer.json, status: 200, context)
            }
        case .breakOff(let delay, let pace):
            let half = streams ? Array(answer.events.prefix(answer.events.count / 2)) : []
            after(delay, context) { self.sendStream(half, pace: pace, breaksOff: true, context) }
        case .fail(let status, let delay):
            after(delay, context) { refuse(status) }
        case .rateLimit(let seconds):
            sendJSON(
                DemoAnswer.error(status: 429, isAnthropic: anthropicShape), status: 429,
                extra: ("retry-after", "\(seconds)"), context)
        case .reset, .refuse:
            reset(context)
        }
    }

    private func sendJSON(
        _ text: String, status: Int, extra: (String, String)? = nil, _ context: ChannelHandlerContext
    ) {
        var headers: HTTPHeaders = ["content-type": "application/json", "content-length": "\(text.utf8.count)"]
        if let extra { headers.add(name: extra.0, value: extra.1) }
        sendHead(status, headers, context)
        sendBody(text, context)
        finish(context)
    }

    private func sendStream(_ events: [String], pace: Duration, breaksOff: Bool, _ context: ChannelHandlerContext) {
        sendHead(200, ["content-type": "text/event-stream", "cache-control": "no-cache"], context)
        sendNext(events[...], pace, breaksOff, context)
    }

    private func sendNext(
        _ events: ArraySlice<String>, _ pace: Duration, _ breaksOff: Bool, _ context: ChannelHandlerContext
    ) {
        guard let event = events.first else {
            if breaksOff { reset(context) } else { finish(context) }
            return
        }
        sendBody(event, context)
        context.flush()
        after(pace, context) { self.sendNext(events.dropFirst(), pace, breaksOff, context) }
    }

    private func sendHead(_ status: Int, _ headers: HTTPHeaders, _ context: ChannelHandlerContext) {
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
    }

    private func sendBody(_ text: String, _ context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(string: text)))), promise: nil)
    }

    private func finish(_ context: ChannelHandlerContext) {
        let keepsAlive = head?.isKeepAlive ?? false
        head = nil
        isAnswering = false
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        if keepsAlive { context.read() } else { context.close(promise: nil) }
    }

    /// Closes so that the peer sees a reset, as a crashed server would leave it.
    private func reset(_ context: ChannelHandlerContext) {
        context.flush()
        if let options = context.channel as? any SocketOptionProvider {
            _ = options.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        context.close(promise: nil)
    }

    private func after(_ delay: Duration, _ context: ChannelHandlerContext, _ work: @escaping () -> Void) {
        scheduled = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) {
            if context.channel.isActive { work() }
        }
    }
}

/// The listening socket of one simulated endpoint, which the script opens and closes.
struct DemoListener: Sendable {
    let number: Int
    private let group: any EventLoopGroup
    private let initializer: @Sendable (any Channel) -> EventLoopFuture<Void>
    private var channel: (any Channel)?
    /// Chosen by the system when first opened; the endpoint comes back on the same one.
    private(set) var port = 0

    init(
        group: any EventLoopGroup, number: Int,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) {
        self.number = number
        self.group = group
        self.initializer = initializer
    }

    mutating func open() async throws {
        guard channel == nil else { return }
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(ChannelOptions.backlog, value: 256)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer(initializer)
            .bind(host: "127.0.0.1", port: port).get()
        self.channel = channel
        port = channel.localAddress?.port ?? port
    }

    mutating func close() async {
        try? await channel?.close().get()
        channel = nil
    }

    /// Opens and closes the listeners as the script has it, until cancelled.
    static func follow(
        _ script: DemoScript, _ listeners: [DemoListener], from begin: ContinuousClock.Instant,
        _ now: @Sendable () -> ContinuousClock.Instant
    ) async {
        var listeners = listeners
        while !Task.isCancelled {
            let elapsed = begin.duration(to: now())
            for index in listeners.indices {
                if script.isRefusing(endpoint: listeners[index].number, elapsed: elapsed) {
                    await listeners[index].close()
                } else {
                    // Another process may have taken the port meanwhile. Then the endpoint stays down until the next look.
                    try? await listeners[index].open()
                }
            }
            try? await Task.sleep(for: .milliseconds(200))
        }
        for index in listeners.indices { await listeners[index].close() }
    }
}
