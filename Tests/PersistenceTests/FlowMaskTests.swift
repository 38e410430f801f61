import Testing

@testable import Persistence

@Suite struct FlowMaskTests {
    private func shown(_ line: String) -> String {
        var mask = SecretMask()
        return mask.shown(line.utf8)
    }

    @Test(arguments: [
        ("headers: {Cookie: sess=X, x-org: blue}", "headers: {Cookie: ••••, x-org: blue}"),
        ("headers: {x-org: blue, Cookie: sess=X}  # why", "headers: {x-org: blue, Cookie: ••••}  # why"),
        (
            "  - {name: a, auth_type: api_key, auth_value: \"s,}\\\"\", headers: {X-Pass: p, b: 'c, d'}, priority: 1}",
            "  - {name: a, auth_type: api_key, auth_value: ••••, headers: {X-Pass: ••••, b: 'c, d'}, priority: 1}"
        ),
        ("headers: {X-Note: sk-live-12345, a: 1}", "headers: {X-Note: ••••, a: 1}"),
        ("headers: {X-Key: \"${KEY}\", a: 1}", "headers: {X-Key: \"${KEY}\", a: 1}"),
        ("{auth_value: s, tags: [a, \"b]\"], x: 1}", "{auth_value: ••••, tags: [a, \"b]\"], x: 1}"),
        ("headers: {x-org: red}", "headers: {x-org: red}"),
        ("  X-Pass: hunter2 extra", "  X-Pass: ••••"), ("  X-Note: Bearer abc", "  X-Note: Bearer ••••"),
        ("  anthropic-version: 2023-06-01", "  anthropic-version: 2023-06-01"),
        ("auth_type: api_key", "auth_type: api_key"),
    ]) func onlyTheSecretsOfALineAreHidden(_ line: String, _ expected: String) {
        #expect(shown(line) == expected)
    }

    /// What is not understood shows nothing of a secret, whatever that costs besides.
    @Test(arguments: [
        "headers: {Cookie: HIDDEN", "headers: {Cookie: HIDDEN, a: 'b}", "headers: {Cookie: 'HIDDEN'HIDDEN, a: b}",
        "headers: {Cookie: [HIDDEN, HIDDEN], a: b}", "{tags: [a, {b: c}], token: HIDDEN}", "{tags: [a, token: HIDDEN",
        "headers: {Cookie: {a: HIDDEN}, b: c}", "cookie: {a: HIDDEN}",
        "note: \"{\" # cookie: HIDDEN, b}", "headers: {Cookie: HIDDEN}, HIDDEN}", "headers: {\"Cookie\":\"HIDDEN\"}",
        "headers: {Cookie: >- HIDDEN {HIDDEN, x: y}", "headers: {? Cookie : HIDDEN, a: b}",
        "password: HIDDEN {a: b}, HIDDEN", "- auth_value: {HIDDEN, a: HIDDEN}",
    ]) func whatIsNotUnderstoodIsHidden(_ line: String) {
        #expect(!shown(line).contains("HIDDEN"), "\(shown(line))")
    }
}
