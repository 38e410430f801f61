internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Ranking
internal import Sockets

/// Sorts transport errors into what the ranking distinguishes.
enum UpstreamFailure {
    /// - Parameter throughProxy: it was the proxy's address that could not be connected to
    static func kind(ofConnect error: any Error, throughProxy: Bool) -> FailureKind {
        if let error = error as? TunnelError { return error.kind }
        if let error = error as? NIOConnectionError {
            if error.connectionErrors.isEmpty { return throughProxy ? .proxy(.nameResolution) : .nameResolution }
            if error.connectionErrors.allSatisfy({ isTimeout($0.error) }) { return .timeout }
        }
        if let error = error as? SocketConnectError {
            if error.failures.isEmpty { return throughProxy ? .proxy(.nameResolution) : .nameResolution }
            if error.failures.allSatisfy(isTimeout) { return .timeout }
        }
        return isTimeout(error) ? .timeout : throughProxy ? .proxy(.connect) : .connect
    }

    /// - Parameters:
    ///   - diagnosis: for connections with TLS
    ///   - context: of a handler behind that of TLS
    static func kind(
        of error: any Error, established: Bool, _ diagnosis: TLSDiagnosis?, in context: ChannelHandlerContext
    ) -> FailureKind {
        if let error = error as? TunnelError { return error.kind }
        if let diagnosis, !established { return .tls(diagnosis.fault(of: error, in: context)) }
        if let error = error as? NIOSSLError, case .uncleanShutdown = error { return .closed }
        guard error is NIOSSLError || error is BoringSSLError else { return .closed }
        // With TLS 1.3 the other side may refuse when this one believes that all is done.
        return .tls(diagnosis?.fault(of: error, in: context) ?? .unspecified)
    }

    /// Whether this process, and not the endpoint, is to blame.
    static func isLackOfDescriptors(_ error: any Error) -> Bool {
        if let error = error as? SocketConnectError { return error.failures.contains(where: isLackOfDescriptors) }
        if let error = error as? NIOConnectionError {
            return error.connectionErrors.contains { isLackOfDescriptors($0.error) }
        }
        let code = (error as? IOError)?.errnoCode
        return code == EMFILE || code == ENFILE
    }

    private static func isTimeout(_ error: any Error) -> Bool {
        if case .connectTimeout = error as? ChannelError { return true }
        return (error as? IOError)?.errnoCode == ETIMEDOUT
    }
}

extension FailureKind {
    /// An HTTP proxy has answered `CONNECT` with no.
    var isRefusalOfTunnel: Bool {
        if case .proxy(.refused) = self { true } else { false }
    }
}
