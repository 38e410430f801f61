import Foundation
import Synchronization

/// Starts other programs without disturbing the tests that run beside this one.
///
/// Between fork and exec a child has a copy of every descriptor of this process. A file that any test has open for writing at
/// that moment then counts as open in another program, and a lease on it is refused although its writer has closed it.
enum ChildProcesses {
    private static let starting = Mutex(())

    /// The child has its program, and thereby no descriptor of ours, when this returns.
    static func start(_ process: Process) throws {
        try starting.withLock { _ in try process.run() }
    }

    /// Called before a lease is taken on a file that this process has closed. A child that starts later cannot have it open.
    static func waitUntilNoneStarts() {
        starting.withLock { _ in }
    }
}
