internal import NIOCore
internal import NIOSSL
internal import NIOTLS
public import Ranking

/// How far a trial of one of an endpoint's URLs came: the time of each step, nil where it did not come about.
public struct ConnectionTestResult: Sendable, Equatable {
    /// Host and port.
    public var authority: String
    /// nil where the URL has an address instead of a name.
    public var lookup: Duration?
    /// TCP, with the way through a proxy.
    public var connect: Duration?
    /// nil for plain HTTP.
    public var tlsHandshake: Duration?
    /// From the request to the first byte of its answer.
    public var firstByte: Duration?
    /// What `GET /v1/models`, with the endpoint's credential, was answered with.
    public var status: Int?
    /// nil when it answered.
    public var failure: FailureKind?
}

/// Goes all the way to an answer, by a request that no API charges for: the list of its models.
enum ConnectionTest {
    private static let path = "/v1/models"

    static func run(
        _ url: UpstreamURL, of upstream: Upstream, tls: NIOSSLContext?, names: NameLookup, group: any EventLoopGroup
    ) async -> ConnectionTestResult {
        var result = ConnectionTestResult(authority: url.authority)
        guard !url.usesTLS || tls != nil else {
            result.failure = .tls(.noAuthorities)
            return result
        }
        let loop = group.any()
        let clock = ContinuousClock()
        var known = names
        let (host, port) = upstream.proxy(for: url).map { ($0.host, $0.port) } ?? (url.host, url.port)
        if (try? SocketAddress(ipAddress: host, port: port)) == nil {
            let began = clock.now
            do {
                let addresses = try await names.addresses(
                    of: host, port: port, mayBeKnown: false, on: loop
                ).get()
                result.lookup = clock.now - began
                known = NameLookup { _, _ in addresses }
            } catch {
                result.failure = upstream.proxy(for: url) == nil ? .nameResolution : .proxy(.nameResolution)
                return result
            }
        }
        let steps = Steps(
            reachable: loop.makePromise(), secured: loop.makePromise(), answered: loop.makePromise(),
            awaitsTLS: url.usesTLS)
        let request = request(to: url, of: upstream, namesAnthropicVersion: url === upstream.anthropicURL)
        let began = clock.now
        let connecting = UpstreamConnector.connect(to: url, of: upstream, known, on: loop) { channel in
            try UpstreamConnector.addHandlers(to: channel, url, upstream, tls, isForwarded: url.isForwarded)
            try channel.pipeline.syncOperations.addHandler(
                ConnectionTestHandler(
                    steps, request, url.usesTLS ? TLSDiagnosis(url, upstream.tls) : nil))
        }
        connecting.whenFailure { steps.fail($0) }
        let patience = loop.scheduleTask(in: TimeAmount(upstream.timeouts.probe)) { steps.fail(TestTimeout()) }
        defer {
            patience.cancel()
            connecting.whenSuccess { $0.close(promise: nil) }
        }
        let connected: ContinuousClock.Instant
        do {
            connected = try await steps.reachable.futureResult.get()
        } catch {
            result.failure =
                error is TestTimeout
                ? .timeout : UpstreamFailure.kind(ofConnect: error, throughProxy: upstream.proxy(for: url) != nil)
            return result
        }
        result.connect = connected - began
        var sent = connected
        if url.usesTLS {
            do {
                sent = try await steps.secured.futureResult.get()
            } catch {
                result.failure = error is TestTimeout ? .timeout : .tls((error as? TLSError)?.fault ?? .closed)
                return result
            }
            result.tlsHandshake = sent - connected
        }
        do {
            let answer = try await steps.answered.futureResult.get()
            guard answer.status != 407 || !url.isForwarded else {
                result.failure = .proxy(.credentialsRefused)
                return result
            }
            result.status = answer.status
            result.firstByte = answer.at - sent
        } catch {
            result.failure = failure(ofAnswer: error)
        }
        return result
    }

    private static func failure(ofAnswer error: any Error) -> FailureKind {
        switch error {
        case is TestTimeout: .timeout
        case is MalformedAnswer: .badResponse
        case let error as TLSError where error.fault != .closed: .tls(error.fault)
        default: .closed
        }
    }

    /// `GET /v1/models` with the endpoint's credential.
    static func request(
        to url: UpstreamURL, of upstream: Upstream, query: String = "", namesAnthropicVersion: Bool
    ) -> [UInt8] {
        let asked = url.asked(for: path) + query
        let origin = (url.usesTLS ? "https://" : "http://").count + url.authority.count
        let target = url.isForwarded ? asked : String(asked.dropFirst(origin))
        var head = "GET \(target) HTTP/1.1\r\nHost: \(url.authority)\r\n"
        head += "User-Agent: podium\r\nAccept: application/json\r\nConnection: close\r\n"
        if namesAnthropicVersion, !upstream.overriddenNames.contains(Array("anthropic-version".utf8)) {
            head += "anthropic-version: 2023-06-01\r\n"
        }
        if url.isForwarded { head += String(decoding: upstream.proxyAuthorization(for: url), as: UTF8.self) }
        return Array(head.utf8) + upstream.fixedHeaderLines + Array("\r\n".utf8)
    }

    fileprivate struct TestTimeout: Error {}
    fileprivate struct MalformedAnswer: Error {}

    fileprivate struct Answer: Sendable {
        var status: Int
        var at: ContinuousClock.Instant
    }

    /// What a test waits for, each with when it came about, since the waiting task may be told late.
    fileprivate struct Steps: ConnectionSteps {
        let reachable: EventLoopPromise<ContinuousClock.Instant>
        let secured: EventLoopPromise<ContinuousClock.Instant>
        let answered: EventLoopPromise<Answer>
        let awaitsTLS: Bool

        func fail(_ error: any Error) {
            reachable.fail(error)
            secured.fail(error)
            answered.fail(error)
        }
    }
}

/// Sends the request once it can, and reads no more of the answer than its status.
private final class ConnectionTestHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let steps: ConnectionTest.Steps
    private let request: [UInt8]
    private let diagnosis: TLSDiagnosis?
    private var answer: [UInt8] = []
    private var arrived = ContinuousClock.now

    init(_ steps: ConnectionTest.Steps, _ request: [UInt8], _ diagnosis: TLSDiagnosis?) {
        self.diagnosis = diagnosis
        self.steps = steps
        self.request = request
    }

    func channelActive(context: ChannelHandlerContext) {
        steps.reachable.succeed(.now)
        if !steps.awaitsTLS { send(context) }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event { send(context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func send(_ context: ChannelHandlerContext) {
        steps.secured.succeed(.now)
        context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(bytes: request)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // `HTTP/1.1 200` is all that matters.
        let needed = 12
        guard answer.count < needed else { return }
        if answer.isEmpty { arrived = .now }
        answer += unwrapInboundIn(data).readableBytesView.prefix(needed - answer.count)
        guard answer.count == needed else { return }
        let digits = answer[9...].map { Int($0) - 48 }
        if answer.starts(with: Array("HTTP/1.".utf8)), answer[8] == UInt8(ascii: " "),
            digits.allSatisfy((0...9).contains)
        {
            steps.answered.succeed(
                ConnectionTest.Answer(status: digits[0] * 100 + digits[1] * 10 + digits[2], at: arrived))
        } else {
            steps.answered.fail(ConnectionTest.MalformedAnswer())
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        steps.fail(by: error, diagnosis, context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        steps.failAtEnd(context)
    }
}

/// How far a probe of an endpoint came, and how long each step took.
public struct ProbeResult: Sendable, Equatable {
    /// TCP, with name resolution and the way through a proxy; nil when it did not come about.
    public var connect: Duration?
    /// nil for plain HTTP, or when it failed.
    public var tlsHandshake: Duration?
    /// nil when the endpoint can be reached.
    public var failure: FailureKind?
}

/// Connects to an endpoint and, for `https`, shakes hands; sends no request, so it costs nothing there.
enum UpstreamProbe {
    static func run(
        _ url: UpstreamURL, of upstream: Upstream, tls: NIOSSLContext?, names: NameLookup, group: any EventLoopGroup
    ) async -> ProbeResult {
        guard !url.usesTLS || tls != nil else { return ProbeResult(failure: .tls(.noAuthorities)) }
        let loop = group.any()
        let steps = Steps(reachable: loop.makePromise(), secured: loop.makePromise(), awaitsTLS: url.usesTLS)
        let began = ContinuousClock.now
        let connecting = UpstreamConnector.connect(to: url, of: upstream, names, on: loop) { channel in
            try UpstreamConnector.addHandlers(to: channel, url, upstream, tls, isForwarded: url.isForwarded)
            try channel.pipeline.syncOperations.addHandler(
                ProbeHandler(steps, url.usesTLS ? TLSDiagnosis(url, upstream.tls) : nil))
        }
        connecting.whenFailure { steps.fail($0) }
        let patience = loop.scheduleTask(in: TimeAmount(upstream.timeouts.probe)) { steps.fail(ProbeTimeout()) }
        defer {
            patience.cancel()
            connecting.whenSuccess { $0.close(promise: nil) }
        }
        var result = ProbeResult()
        do {
            try await steps.reachable.futureResult.get()
        } catch {
            result.failure =
                error is ProbeTimeout
                ? .timeout : UpstreamFailure.kind(ofConnect: error, throughProxy: upstream.proxy(for: url) != nil)
            return result
        }
        let connected = ContinuousClock.now
        result.connect = connected - began
        guard url.usesTLS else { return result }
        let handshakeTimeout = loop.scheduleTask(in: TimeAmount(upstream.timeouts.tlsHandshake)) {
            steps.fail(ProbeTimeout())
        }
        defer { handshakeTimeout.cancel() }
        do {
            try await steps.secured.futureResult.get()
            result.tlsHandshake = ContinuousClock.now - connected
        } catch {
            result.failure = error is ProbeTimeout ? .timeout : .tls((error as? TLSError)?.fault ?? .closed)
        }
        return result
    }

    private struct ProbeTimeout: Error {}
}

/// What a probe waits for.
private struct Steps: ConnectionSteps {
    /// The endpoint's end of the connection is there.
    let reachable: EventLoopPromise<Void>
    /// The handshake is done.
    let secured: EventLoopPromise<Void>
    let awaitsTLS: Bool

    func fail(_ error: any Error) {
        reachable.fail(error)
        secured.fail(error)
    }
}

/// Completes the steps as they are reached.
private final class ProbeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let steps: Steps
    private let diagnosis: TLSDiagnosis?

    init(_ steps: Steps, _ diagnosis: TLSDiagnosis?) {
        self.steps = steps
        self.diagnosis = diagnosis
    }

    func channelActive(context: ChannelHandlerContext) {
        steps.reachable.succeed()
        if !steps.awaitsTLS { steps.secured.succeed() }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event { steps.secured.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        steps.fail(by: error, diagnosis, context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        steps.failAtEnd(context)
    }
}

/// The steps of a connection that is made to see how far it gets, and the way they end where it gets no further.
protocol ConnectionSteps: Sendable {
    /// Fails the steps that have not been taken.
    func fail(_ error: any Error)
}

extension ConnectionSteps {
    func fail(by error: any Error, _ diagnosis: TLSDiagnosis?, _ context: ChannelHandlerContext) {
        if let diagnosis, !(error is TunnelError) {
            let fault = TLSError(fault: diagnosis.fault(of: error, in: context))
            // That the connection is closed may come first, and why TLS closed it right behind.
            if fault.fault == .closed { context.eventLoop.execute { fail(fault) } } else { fail(fault) }
        } else {
            fail(error)
        }
        context.close(promise: nil)
    }

    func failAtEnd(_ context: ChannelHandlerContext) {
        // In a task of its own, since TLS may be about to say why.
        context.eventLoop.execute { fail(ChannelError.eof) }
    }
}
