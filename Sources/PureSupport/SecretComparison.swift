/// Compares what a caller presents with a secret, in a time that depends on the length of what was presented alone: how much
/// of a secret was guessed cannot be measured.
public enum SecretComparison {
    /// - Returns: whether both are the same. An empty secret is equal to nothing.
    @inlinable
    public static func isEqual(_ presented: UnsafeRawBufferPointer, _ secret: [UInt8]) -> Bool {
        guard !secret.isEmpty else { return false }
        var difference: UInt8 = presented.count == secret.count ? 0 : 1
        // Walks what was presented, whose length its sender knows anyway, never the secret's own length.
        for index in 0..<presented.count {
            difference |= presented[index] ^ secret[index % secret.count]
        }
        return difference == 0
    }
}
