/// How values are distributed, in few bytes: counts in buckets of which an octave has 32, so that a value is known to 1.6 %. Sketches of
/// hours, days or endpoints add up to that of all of them, which percentiles do not.
///
/// Values below 64 have a bucket each. Only buckets with something in them are kept.
public struct Sketch: Sendable, Equatable {
    private struct Bucket: Sendable, Equatable {
        var index: Int
        var count: Int64
    }

    /// By index.
    private var buckets: [Bucket] = []

    /// Nothing is recorded.
    public init() {}

    /// Whether nothing is recorded.
    public var isEmpty: Bool { buckets.isEmpty }

    /// How many values were recorded.
    public var count: Int64 { buckets.reduce(0) { $0 &+ $1.count } }

    private static func index(_ value: Int64) -> Int {
        guard value >= 64 else { return Int(max(0, value)) }
        let shift = 63 - value.leadingZeroBitCount - 5
        return shift * 32 + Int(value >> Int64(shift))
    }

    private static func middle(_ index: Int) -> Int64 {
        guard index >= 64 else { return Int64(index) }
        let shift = index / 32 - 1
        let low = Int64(index - shift * 32) << Int64(shift)
        return low + Int64(1) << Int64(shift) / 2
    }

    private static let largestIndex = index(.max)

    /// Takes a value in; one below zero counts as zero.
    public mutating func record(_ value: Int64) { add(Self.index(value), 1) }

    private mutating func add(_ index: Int, _ count: Int64) {
        var (low, high) = (0, buckets.count)
        while low < high {
            let middle = (low + high) / 2
            if buckets[middle].index < index { low = middle + 1 } else { high = middle }
        }
        if low < buckets.count, buckets[low].index == index {
            buckets[low].count &+= count
        } else {
            buckets.insert(Bucket(index: index, count: count), at: low)
        }
    }

    /// Adds what another has recorded.
    public mutating func merge(_ other: Sketch) {
        // A few are put in where they belong.
        guard other.buckets.count > 4 else {
            for bucket in other.buckets { add(bucket.index, bucket.count) }
            return
        }
        var merged: [Bucket] = []
        merged.reserveCapacity(buckets.count + other.buckets.count)
        var (left, right) = (buckets[...], other.buckets[...])
        while let one = left.first, let two = right.first {
            if one.index <= two.index { left.removeFirst() }
            if two.index <= one.index { right.removeFirst() }
            merged.append(
                one.index == two.index
                    ? Bucket(index: one.index, count: one.count &+ two.count) : one.index < two.index ? one : two)
        }
        buckets = merged + left + right
    }

    /// The middle of the bucket that the value of this rank is in; nil where nothing is recorded.
    ///
    /// - Parameter percent: 1 to 100
    public func percentile(_ percent: Int) -> Int64? {
        let count = count
        guard count > 0 else { return nil }
        let rank = max(1, (count * Int64(percent) + 99) / 100)
        var seen: Int64 = 0
        for bucket in buckets {
            seen += bucket.count
            if seen >= rank { return Self.middle(bucket.index) }
        }
        return buckets.last.map { Self.middle($0.index) }
    }

    // MARK: As bytes

    /// A version, then for each bucket how far it is from the one before and what is in it, as variable-length numbers. Nothing recorded: no byte.
    public var encoded: [UInt8] {
        guard !isEmpty else { return [] }
        var bytes: [UInt8] = [1]
        func append(_ number: UInt64) {
            var rest = number
            while rest >= 0x80 {
                bytes.append(UInt8(rest & 0x7F) | 0x80)
                rest >>= 7
            }
            bytes.append(UInt8(rest))
        }
        var last = 0
        for bucket in buckets {
            append(UInt64(bucket.index - last))
            append(UInt64(bucket.count))
            last = bucket.index
        }
        return bytes
    }

    /// nil for bytes that are no sketch.
    public init?(encoded bytes: some Collection<UInt8>) {
        guard let version = bytes.first else { return }
        guard version == 1 else { return nil }
        var rest = bytes.dropFirst()
        func number() -> UInt64? {
            var (value, shift): (UInt64, UInt64) = (0, 0)
            while let byte = rest.popFirst() {
                guard shift < 63 else { return nil }
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
            return nil
        }
        var last = 0
        while !rest.isEmpty {
            guard let step = number(), let count = number(), step > 0 || buckets.isEmpty, count > 0,
                step <= UInt64(Self.largestIndex - last)
            else { return nil }
            last += Int(step)
            buckets.append(Bucket(index: last, count: Int64(count)))
        }
    }
}
