/// What the Connection fields of a head ask for.
public struct ConnectionOptions: Sendable, Equatable {
    /// `close` was listed.
    public var close = false
    /// `keep-alive` was listed.
    public var keepAlive = false
    /// `upgrade` was listed: the Upgrade field is meant for this hop.
    public var upgrade = false
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
            } else if element.equalsIgnoringCase("upgrade") {
                // The Upgrade field goes no further in any case.
                options.upgrade = true
            } else {
                options.namesFields = true
            }
            return true
        }
        self = options
    }
}
