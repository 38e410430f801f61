internal import Ranking

/// What a proxy on the way to an endpoint has to be told, and what its answers mean. Bytes in, steps out; no sockets.
protocol TunnelNegotiation {
    /// The first words, said once the connection to the proxy stands.
    mutating func begin() -> [UInt8]

    /// Takes in what the proxy said.
    mutating func receive(_ bytes: [UInt8]) -> TunnelStep
}

/// What to do after a word of the proxy.
enum TunnelStep: Equatable {
    case awaitMore
    case send([UInt8])
    /// From the next byte on the endpoint speaks.
    case established
    case failed(ProxyFault)
}
