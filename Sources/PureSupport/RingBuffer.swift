/// The newest elements up to a fixed count. The element that comes next takes the place of the oldest, so that a history
/// which is written for months takes its memory once.
public struct RingBuffer<Element> {
    /// How many elements are kept.
    public let capacity: Int
    private var storage: [Element] = []
    /// Where the oldest element lies, once the buffer is full.
    private var oldest = 0

    /// - Parameters:
    ///   - capacity: at least one
    ///   - reserving: takes the memory at once, for what is appended where allocating would be noticed
    public init(capacity: Int, reserving: Bool = false) {
        precondition(capacity > 0, "a ring buffer without a place holds nothing")
        self.capacity = capacity
        if reserving { storage.reserveCapacity(capacity) }
    }

    /// Adds the newest element.
    public mutating func append(_ element: Element) {
        if storage.count < capacity {
            storage.append(element)
        } else {
            storage[oldest] = element
            oldest = (oldest + 1) % capacity
        }
    }

    /// All that are kept, oldest first.
    public var elements: [Element] { Array(storage[oldest...] + storage[..<oldest]) }
}

extension RingBuffer: Sendable where Element: Sendable {}
