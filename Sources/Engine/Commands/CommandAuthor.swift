/// Who gave a command, and by which way it came: for the event log, the history of changes, and answers to those who come
/// second.
///
/// A text alone is the name of a program that uses the engine: `engine.perform(.flush, by: "backup job")`.
public struct CommandAuthor: Sendable, Equatable, ExpressibleByStringLiteral {
    /// The way by which a command came. The raw value is the source of its event.
    public enum Source: String, Sendable, CaseIterable {
        /// A console, in this process or attached to it.
        case console
        /// `podium` with a verb, such as `podium endpoint move`.
        case cli
        /// Any other program, over the control API.
        case api
        /// The service manager or a signal.
        case service
    }

    /// Such as `alice@192.0.2.7`.
    public let name: String
    /// The way by which the command came.
    public let source: Source

    /// - Parameter name: the user, with the address of the terminal where that is known.
    public init(name: String, source: Source) {
        self.name = name
        self.source = source
    }

    /// A program.
    public init(stringLiteral name: String) {
        self.init(name: name, source: .api)
    }
}
