package import NIOCore

/// Takes what a socket reads without the detour through the channel's pipeline; everything else still comes through it.
package protocol SocketReader: AnyObject {
    /// - Parameter bytes: lent for this call; whoever keeps some of them copies them or costs the loop a new buffer.
    func socketRead(_ bytes: ByteBuffer)
    /// Nothing more comes in this turn.
    func socketReadComplete()
}
