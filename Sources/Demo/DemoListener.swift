import NIOCore
import NIOPosix

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
    static func follow(_ script: DemoScript, _ listeners: [DemoListener], from begin: ContinuousClock.Instant) async {
        var listeners = listeners
        while !Task.isCancelled {
            let elapsed = begin.duration(to: .now)
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
