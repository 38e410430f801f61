internal import NIOCore

/// The server's timeouts as the deadline table wants them: turning a `Duration` into nanoseconds takes two divisions of
/// 128 bits.
struct ClientWaits: Sendable {
    let header: TimeAmount
    let progress: TimeAmount
    let idle: TimeAmount

    init(_ options: ProxyOptions) {
        header = TimeAmount(options.clientHeaderTimeout)
        progress = TimeAmount(options.clientProgressTimeout)
        idle = TimeAmount(options.clientIdleTimeout)
    }

    /// How long the client may take for what is waited for, if that is the client's.
    func timeout(for wait: ExchangeStateMachine.Wait) -> TimeAmount? {
        switch wait {
        case .requestHead: header
        case .nextRequest: idle
        case .requestBody, .clientTakes: progress
        case .unchanged, .connect, .tlsHandshake, .answerHead, .upload, .answerBody: nil
        }
    }
}

/// The same for an endpoint.
struct UpstreamWaits: Sendable {
    let connect: TimeAmount
    let tlsHandshake: TimeAmount
    let responseHeader: TimeAmount
    let streamIdle: TimeAmount
    let idleConnection: TimeAmount
    /// What was sent may stay unconfirmed for so long. An endpoint that does not read is given its own time first.
    let unconfirmed: TimeAmount

    init(_ timeouts: UpstreamTimeouts) {
        // NIO's own connect timeout comes first; this one also covers name resolution.
        connect = TimeAmount(timeouts.connect) + .milliseconds(50)
        tlsHandshake = TimeAmount(timeouts.tlsHandshake)
        responseHeader = TimeAmount(timeouts.responseHeader)
        streamIdle = TimeAmount(timeouts.streamIdle)
        idleConnection = TimeAmount(timeouts.idleConnection)
        unconfirmed = max(.seconds(120), streamIdle + .seconds(10))
    }

    /// How long the endpoint may take for what is waited for, if that is the endpoint's.
    func timeout(for wait: ExchangeStateMachine.Wait) -> TimeAmount? {
        switch wait {
        case .connect: connect
        case .tlsHandshake: tlsHandshake
        case .answerHead: responseHeader
        case .upload, .answerBody: streamIdle
        case .unchanged, .requestHead, .nextRequest, .requestBody, .clientTakes: nil
        }
    }
}
