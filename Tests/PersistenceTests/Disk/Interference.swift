import Foundation
import Synchronization

@testable import Persistence

/// Interferes with the file operations of a writer under test, by number of call or by kind.
final class Interference: Sendable {
    private struct State {
        var calls: [FileCall] = []
        var failing: (number: Int, errno: Int32)?
        var crashAt: Int?
        var crashed = false
        var rules: [FileCall: FileSystem.Interference] = [:]
        var before: [FileCall: @Sendable () -> Void] = [:]
    }

    /// No system call gives this errno: it stands for a process that is gone.
    static let gone: Int32 = -1

    private let state = Mutex(State())

    var fileSystem: FileSystem {
        FileSystem { [self] call, _ in
            let (interference, hook) = state.withLock { state -> (FileSystem.Interference?, (@Sendable () -> Void)?) in
                state.calls.append(call)
                if let crashAt = state.crashAt, state.calls.count >= crashAt { state.crashed = true }
                if state.crashed { return (.fail(Self.gone), nil) }
                if let failing = state.failing, failing.number == state.calls.count {
                    return (.fail(failing.errno), nil)
                }
                return (state.rules[call], state.before.removeValue(forKey: call))
            }
            hook?()
            if call == .takeLease { ChildProcesses.waitUntilNoneStarts() }
            return interference ?? (call == .pause ? .skip : nil)
        }
    }

    var calls: [FileCall] { state.withLock(\.calls) }
    var crashed: Bool { state.withLock(\.crashed) }

    /// From here on calls are counted from 1.
    func reset() {
        state.withLock { $0 = State() }
    }

    func fail(call number: Int, with errno: Int32) {
        state.withLock { $0.failing = (number, errno) }
    }

    func crash(atCall number: Int) {
        state.withLock { $0.crashAt = number }
    }

    /// Lets every call of a kind fail, or be cut short.
    func always(_ call: FileCall, _ interference: FileSystem.Interference) {
        state.withLock { $0.rules[call] = interference }
    }

    /// Does something once, right before the next call of a kind.
    func before(_ call: FileCall, _ action: @escaping @Sendable () -> Void) {
        state.withLock { $0.before[call] = action }
    }
}
