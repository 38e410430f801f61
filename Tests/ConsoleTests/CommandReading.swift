@testable import Console
import PodiumModel

/// The command among the effects.
func command(_ effects: [ConsoleEffect]) -> Command? {
    for case .perform(_, let command) in effects { return command }
    return nil
}

extension ConsoleState {
    /// Answers the command that the keys have just given.
    mutating func succeed(
        _ effects: [ConsoleEffect], _ message: String = "done", undo: String? = nil,
        at now: ContinuousClock.Instant = Fixture.start
    ) {
        for case .perform(let id, _) in effects {
            _ = handle(.commandFinished(id, .success(.done(CommandReceipt(message: message, undo: undo)))), now: now)
        }
    }
}
