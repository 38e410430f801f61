public import LLMWire

/// The one table of words by which endpoints refuse what another endpoint has signed or encrypted. `docs/verdicts.md` is written from it.
///
/// A conversation that a failover has moved carries blocks which its new endpoint cannot read. Every other endpoint would refuse them too,
/// so that the request is repaired (`RequestRepair`) and sent to the same one again, where `failover.repair` says so.
public enum RepairTable {
    /// One row: words, and what is taken out of the request.
    struct Row: Sendable {
        /// Stable: it stands in logs.
        var name: String
        var operations: [LLMOperation]
        var kind: RequestRepair.Kind
        var pattern: TextPattern
        var why: String
    }

    /// The status with which such words are taken at their word.
    static let status = 400

    private static let messages: [LLMOperation] = [.inference(.messages), .countTokens]

    static let rows = [
        Row(
            name: "thinking signature", operations: messages, kind: .thinking,
            pattern: TextPattern(
                builtIn: "invalid .signature. in .thinking. block|invalid signature in thinking block"
                    + "|thought signature is not valid|invalid thought signature|corrupted thought signature"
                    + "|signature: field required|signature: extra inputs are not permitted"
                    + "|invalid .data. in .redacted_thinking. block"),
            why: "another endpoint has signed the block"),
        Row(
            name: "thinking changed", operations: messages, kind: .thinking,
            pattern: TextPattern(builtIn: "thinking.* blocks .*cannot be modified"),
            why: "the blocks of the last turn are not those that it knows"),
        Row(
            name: "thinking missing", operations: messages, kind: .thinking,
            pattern: TextPattern(
                builtIn: "must start with a thinking block|expected .thinking.*but found"),
            why: "a turn that another endpoint began has none, or none that it takes"),
        Row(
            name: "encrypted reasoning", operations: [.inference(.responses)], kind: .encryptedReasoning,
            pattern: TextPattern(
                builtIn: "invalid_encrypted_content|encrypted content .*could not be|encrypted_content .*could not be"
                    + "|encrypted content organization_id did not match"),
            why: "another endpoint has encrypted it"),
    ]

    /// What is to be repaired before the endpoint is asked again.
    public struct Repair: Sendable, Equatable {
        /// The row that says so.
        public let row: String
        /// What is taken out.
        public let kind: RequestRepair.Kind
    }

    /// The repair that a refusal asks for; nil where its words are not about this.
    public static func repair(for finding: Finding) -> Repair? {
        guard finding.status == status else { return nil }
        let rows = rows.filter { $0.operations.contains(finding.operation) }
        guard !rows.isEmpty else { return nil }
        let text = TextPattern.lowered(finding.text)
        let row = rows.first { $0.pattern.matches(text) }
        return row.map { Repair(row: $0.name, kind: $0.kind) }
    }
}
