import Console

/// A Podium as its console uses it: what is to be shown, and how a command gets there.
///
/// One ``ConsoleSession`` works over it, and there are two makers: the engine in this process, and a Podium in another process
/// behind its control socket. Both show the same `Snapshot`, so that the two consoles cannot differ.
struct EngineClient: Sendable {
    /// True where the proxy lives in another process: leaving the console does not stop it.
    let isAttached: Bool
    /// What is shown now. Waits for no other process.
    let picture: @Sendable () -> ConsolePicture
    /// Carries a command out, and answers once what it changed is on disk.
    let perform: @Sendable (ConsoleCommand) async -> CommandResult
    /// Keeps the picture up to date until the task is cancelled, and says when there is a newer one. nil where `picture` takes
    /// a new one each time.
    let follow: (@Sendable (_ onChange: @escaping @Sendable () -> Void) async -> Void)?
}
