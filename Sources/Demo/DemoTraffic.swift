import NIOCore
import NIOHTTP1
import NIOPosix
internal import Support
import Synchronization

/// What became of the demo's requests.
public struct DemoTrafficStatistics: Sendable, Equatable {
    /// Answered with a status below 400, to the end.
    public var succeeded = 0
    /// Answered with a status of 400 and above.
    public var refused = 0
    /// Not answered, or broken off.
    public var failed = 0
    /// Not sent because too many were under way.
    public var skipped = 0

    mutating func count(_ result: DemoTraffic.Result) {
        switch result {
        case .succeeded: succeeded += 1
        case .refused: refused += 1
        case .failed: failed += 1
        case .skipped: skipped += 1
        }
    }
}

/// Clients of the proxy: requests of three APIs, streamed and plain, that arrive at random.
struct DemoTraffic: Sendable {
    enum Result: Sendable {
        case succeeded, refused, failed, skipped
    }

    var host: String
    var port: Int
    var requestsPerSecond: Double
    var seed: UInt64
    var group: any EventLoopGroup

    /// Most requests under way at once.
    private static let concurrency = 64
    /// After this long a request is given up.
    static let patience = TimeAmount.seconds(30)

    /// Sends until cancelled.
    func run(report: @escaping @Sendable (Result) -> Void) async {
        guard requestsPerSecond > 0 else { return }
        var plan = DemoTrafficPlan(requestsPerSecond: requestsPerSecond, seed: seed)
        var due = ContinuousClock.now
        let underWay = DemoCounter()
        await withDiscardingTaskGroup { tasks in
            while !Task.isCancelled {
                let arrival = plan.next()
                // After a standstill, do not make up for all that was missed.
                due = max(due + arrival.wait, .now - .seconds(1))
                try? await Task.sleep(until: due, clock: .continuous)
                if Task.isCancelled { break }
                guard underWay.value < Self.concurrency else {
                    report(.skipped)
                    continue
                }
                underWay.increment()
                tasks.addTask {
                    report(await send(arrival.request))
                    underWay.decrement()
                }
            }
            tasks.cancelAll()
        }
    }

    private func send(_ request: DemoTrafficPlan.Request) async -> Result {
        do {
            let channel = try await ClientBootstrap(group: group)
                .connectTimeout(.seconds(5))
                .connect(host: host, port: port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                        return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                            wrappingChannelSynchronously: channel)
                    }
                }
            let limit = channel.channel.eventLoop.scheduleTask(in: Self.patience) {
                channel.channel.close(promise: nil)
            }
            defer { limit.cancel() }
            return try await channel.executeThenClose { answer, outbound in
                let headers: HTTPHeaders = [
                    "host": "\(host):\(port)", "content-type": "application/json", "user-agent": "podium-demo",
                    "content-length": "\(request.body.utf8.count)", "connection": "close",
                ]
                let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: request.path, headers: headers)
                try await outbound.write(.head(head))
                try await outbound.write(.body(.byteBuffer(ByteBuffer(string: request.body))))
                try await outbound.write(.end(nil))
                var result = Result.failed
                for try await part in answer {
                    switch part {
                    case .head(let head): result = head.status.code < 400 ? .succeeded : .refused
                    case .body: break
                    case .end: return result
                    }
                }
                return .failed
            }
        } catch {
            return .failed
        }
    }
}

/// Which requests come when; the same for the same seed.
struct DemoTrafficPlan: Sendable {
    struct Request: Sendable, Equatable {
        var path: String
        var body: String
    }

    private var generator: SplitMix64
    private let requestsPerSecond: Double

    init(requestsPerSecond: Double, seed: UInt64) {
        self.requestsPerSecond = requestsPerSecond
        generator = SplitMix64(seed: seed ^ 0x7472_6166_6669_63)
    }

    mutating func next() -> (wait: Duration, request: Request) {
        // Uniform on [0, 2 / rate): the mean is right, and the picture is livelier than an even beat.
        let wait = Double.random(in: 0..<2, using: &generator) / requestsPerSecond
        let streams = Double.random(in: 0..<1, using: &generator) < 0.6
        let request =
            switch Double.random(in: 0..<1, using: &generator) {
            case ..<0.55:
                Request(
                    path: "/v1/messages",
                    body: """
                        {"model":"demo-large","max_tokens":64,"stream":\(streams),\
                        "messages":[{"role":"user","content":"Which endpoint is on top?"}]}
                        """)
            case ..<0.85:
                Request(
                    path: "/v1/chat/completions",
                    body: """
                        {"model":"demo-large","stream":\(streams),\
                        "messages":[{"role":"user","content":"Which endpoint is on top?"}]}
                        """)
            default:
                Request(
                    path: "/v1/responses",
                    body: #"{"model":"demo-large","stream":\#(streams),"input":"Which endpoint is on top?"}"#)
            }
        return (.seconds(wait), request)
    }
}

/// A number that several threads count up and down.
final class DemoCounter: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .relaxed) }

    @discardableResult
    func increment() -> Int {
        count.wrappingAdd(1, ordering: .relaxed).newValue
    }

    func decrement() {
        count.wrappingSubtract(1, ordering: .relaxed)
    }
}
