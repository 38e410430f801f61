/// What the Connection fields of a head ask for.
public struct ConnectionOptions: Sendable, Equatable {
    /// `close` was listed.
    public var close = false
    /// `keep-alive` was listed.
    public var keepAlive = false
    /// Names further fields that belong to this connection only.
    public var namesFields = false

    mutating func add(_ value: UnsafeRawBufferPointer) {
        if value.equalsIgnoringCase("keep-alive") {
            keepAlive = true
            return
        }
        var options = self
        value.forEachListElement { element in
            if element.equalsIgnoringCase("close") {
                options.close = true
            } else if element.equalsIgnoringCase("keep-alive") {
                options.keepAlive = true
            } else {
                options.namesFields = true
            }
            return true
        }
        self = options
    }
}
