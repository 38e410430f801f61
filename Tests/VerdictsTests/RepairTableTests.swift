import LLMWire
import Testing

@testable import Verdicts

@Suite("The words that ask for a repair")
struct RepairTableTests {
    private func repair(_ text: String, _ operation: LLMOperation, status: Int = 400) -> RepairTable.Repair? {
        RepairTable.repair(for: Finding(operation: operation, status: status, text: Array(text.utf8)))
    }

    /// As endpoints have been seen to say it.
    @Test(
        "Refusals of what another endpoint has signed or encrypted are known by their words",
        arguments: [
            (
                #"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#,
                "thinking signature"
            ),
            (#"{"error":{"message":"Invalid signature in thinking block"}}"#, "thinking signature"),
            (#"{"error":{"message":"Thought signature is not valid"}}"#, "thinking signature"),
            (#"{"error":{"message":"messages.3.content.0.thinking.signature: Field required"}}"#, "thinking signature"),
            (
                #"{"error":{"message":"messages.5.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. These blocks must remain as they were in the original response."}}"#,
                "thinking changed"
            ),
            (
                #"{"error":{"message":"messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, a final `assistant` message must start with a thinking block"}}"#,
                "thinking missing"
            ),
        ])
    func thinking(text: String, row: String) {
        #expect(repair(text, .inference(.messages)) == .init(row: row, kind: .thinking))
        #expect(repair(text, .countTokens) == .init(row: row, kind: .thinking))
        #expect(repair(text, .inference(.messages), status: 500) == nil)
        #expect(repair(text, .inference(.responses)) == nil)
    }

    @Test(
        "Also without a code",
        arguments: [
            #"{"error":{"message":"The encrypted content gAAA could not be verified.","type":"invalid_request_error","code":"invalid_encrypted_content"}}"#,
            #"{"error":{"message":"The encrypted content for item rs_1 could not be verified. Reason: Encrypted content could not be decrypted or parsed.","code":null}}"#,
            #"{"error":{"message":"Encrypted content organization_id did not match the target organization."}}"#,
        ])
    func encrypted(text: String) {
        #expect(
            repair(text, .inference(.responses)) == .init(row: "encrypted reasoning", kind: .encryptedReasoning))
        #expect(repair(text, .inference(.messages)) == nil)
    }

    @Test(
        "Other refusals are not about this",
        arguments: [
            #"{"error":{"message":"max_tokens: must be greater than `thinking.budget_tokens`"}}"#,
            #"{"error":{"message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
            #"{"error":{"message":"signature of the webhook is wrong"}}"#, "", "no json",
        ])
    func others(text: String) {
        for operation in [
            LLMOperation.inference(.messages), .inference(.responses), .inference(.chatCompletions), .other,
        ] {
            #expect(repair(text, operation) == nil)
        }
    }

    @Test("Each pattern can be understood")
    func patterns() {
        for row in RepairTable.rows { #expect(row.pattern.isUsable, "\(row.name)") }
    }
}
