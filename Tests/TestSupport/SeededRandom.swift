internal import PureSupport

/// The same seed gives the same test on every machine.
public struct SeededRandom: RandomNumberGenerator, Sendable {
    private var generator: SplitMix64

    /// A sequence of its own for each seed.
    public init(seed: UInt64) {
        generator = SplitMix64(seed: seed)
    }

    /// The next of the sequence.
    public mutating func next() -> UInt64 { generator.next() }

    /// Whether something of this probability, in per cent, happens this time.
    public mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    /// One of the elements, which must not be empty.
    public mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &self)]
    }
}
