internal import LLMWire
internal import NIOCore
internal import Synchronization
internal import Verdicts

/// The operations whose paths an endpoint does not know, as it has said itself: their requests ask the other endpoints first.
///
/// Kept in memory only, and for a while: a server that is being set up says so too. An endpoint that is set anew has a new one.
final class UnknownPaths: Sendable {
    /// Inference is what an endpoint is there for: that it does not know its path is hardly for long.
    private static let inferenceMemory = TimeAmount.minutes(5)
    private static let memory = TimeAmount(VerdictTable.pathMemory)

    /// Nearly always: then nothing has to be looked up.
    private let isEmpty = Atomic<Bool>(true)
    private let ends = Mutex<[LLMOperation: NIODeadline]>([:])

    @inline(__always)
    func contain(_ operation: LLMOperation, now: NIODeadline) -> Bool {
        isEmpty.load(ordering: .relaxed) ? false : find(operation, now: now)
    }

    private func find(_ operation: LLMOperation, now: NIODeadline) -> Bool {
        ends.withLock { $0[operation].map { now < $0 } ?? false }
    }

    /// The endpoint has said that it does not know the path.
    func insert(_ operation: LLMOperation, now: NIODeadline) {
        ends.withLock { $0[operation] = now + (operation.isInference ? Self.inferenceMemory : Self.memory) }
        isEmpty.store(false, ordering: .relaxed)
    }

    /// The endpoint has answered a request for it well.
    @inline(__always)
    func remove(_ operation: LLMOperation) {
        guard !isEmpty.load(ordering: .relaxed) else { return }
        ends.withLock { ends in
            ends[operation] = nil
            isEmpty.store(ends.isEmpty, ordering: .relaxed)
        }
    }
}
