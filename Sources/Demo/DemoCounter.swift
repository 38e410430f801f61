import Synchronization

/// A number that several threads count up and down.
final class DemoCounter: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .relaxed) }

    @discardableResult
    func increment() -> Int {
        count.wrappingAdd(1, ordering: .relaxed).newValue
    }

    func decrement() {
        count.wrappingSubtract(1, ordering: .relaxed)
    }
}
