import Foundation
import Testing
import TestSupport
import YAMLDocument

@testable import Configuration
import PodiumModel

@Suite struct FileMaskTests {
    private func shown(_ line: String) -> String {
        FileMask.lines(of: Array(line.utf8)).joined(separator: "\n")
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

    @Test func inAFileThatParsesOnlyTheValuesAreHidden() {
        let text =
            "a:\n  headers: {X-Api-Key: one-two,\n    Cookie: three}\n  ? auth_value\n  : four\n  x: &k five\n  password: *k\n"
        let expected =
            "a:\n  headers: {X-Api-Key: ••••,\n    Cookie: ••••}\n  ? auth_value\n  : ••••\n  x: ••••\n  password: *k\n"
        #expect(shown(text) == expected)
    }

    // MARK: Generated layouts

    private static let count = ProcessInfo.processInfo.environment["PODIUM_MASK_LAYOUTS"].flatMap { Int($0) } ?? 1_000

    /// A planted secret is nowhere in what is shown, not even in pieces, whatever the layout and however the file is broken.
    @Test func aPlantedSecretIsNeverShown() throws {
        var parsed = 0
        for seed in 0..<UInt64(Self.count) {
            var layout = SecretLayout(seed: seed)
            let text = layout.text()
            if (try? YAMLDocument(bytes: Array(text.utf8))) != nil { parsed += 1 }
            for version in layout.versions(of: text) {
                let shown = FileMask.lines(of: Array(version.utf8)).joined(separator: "\n")
                for piece in layout.pieces where shown.contains(piece) {
                    Issue.record("seed \(seed): \(piece) is shown\n--- file\n\(version)\n--- shown\n\(shown)")
                    break
                }
                let loaded = ConfigurationLoader.load(bytes: Array(version.utf8), environment: [:])
                let messages = loaded.diagnostics.map { $0.rendered(file: "f") }.joined(separator: "\n")
                for piece in layout.pieces where messages.contains(piece) {
                    Issue.record(
                        "seed \(seed): \(piece) is in a message\n--- file\n\(version)\n--- messages\n\(messages)")
                    break
                }
            }
        }
        // Layouts that no reader accepts would show nothing about those that they do.
        #expect(parsed > Self.count * 9 / 10, "\(parsed) parsed")
    }

    @Test func whatIsNoSecretStays() {
        let text = """
            # kept by hand
            server: {port: 8081}
            endpoints:
              - name: a
                url: https://api.example.com/openai/deployments/gpt-4o/v1
                auth_type: api_key
                auth_value: "${KEY}"
                tags: [one, two]
                headers: {X-Org: blue, anthropic-version: 2023-06-01}
            """
        #expect(shown(text) == text)
    }
}

/// A file with a secret in one of the places and layouts that people and programs write.
private struct SecretLayout {
    private var random: SeededRandom
    private let secret: String
    /// Every part of the secret that is long enough to be of use.
    let pieces: [String]

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        let letters = Array("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789")
        var body = ""
        for _ in 0..<24 { body.append(letters[Int.random(in: 0..<letters.count, using: &random)]) }
        let made = ["sk-live-", "", "Bearer-", "k"].randomElement(using: &random).map { $0 + body } ?? body
        secret = made
        // What stands before it anybody knows.
        let characters = Array(body)
        pieces = (0...characters.count - 8).map { String(characters[$0..<$0 + 8]) }
    }

    private mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[Int.random(in: 0..<choices.count, using: &random)]
    }

    private mutating func halves() -> (String, String) {
        let cut = secret.index(secret.startIndex, offsetBy: Int.random(in: 4..<secret.count - 4, using: &random))
        return (String(secret[..<cut]), String(secret[cut...]))
    }

    /// The value of a key that names a secret, as it follows the colon.
    private mutating func value(indent: String) -> String {
        let (first, rest) = halves()
        return pick([
            " \(secret)", " \"\(secret)\"", " '\(secret)'", " |\n\(indent)  \(secret)",
            " >-\n\(indent)  \(first)\n\(indent)  \(rest)",
            " \"\(first)\\\n\(indent)  \(rest)\"", " \"\(first)\\\n\(rest)\"", " '\(first)\n\n\(indent)  \(rest)'",
            "\n\(indent)  \(secret)",
            "\n\(indent)  \"\(secret)\"", " # old\n\(indent)  \(secret)", " \(first)\n\(indent)  \(rest)",
            " !!str \(secret)", " &k \(secret)",
            " &k\n\(indent)  \(secret)", " !env \(secret)",
            " \"\\x\(String(secret.utf8.first ?? 0, radix: 16))\(secret.dropFirst())\"",
            " |+\n\(indent)  \(first)\n\(indent)  \(rest)\n", " \"\(secret)\" # \(secret)", " '\(first)\n\(rest)'",
            " [\(secret)]", " {a: \(secret)}",
            " [\n\(secret)\n]", " {a:\n\(secret)\n}",
        ])
    }

    private mutating func entry() -> String {
        let key = pick(["auth_value", "\"auth_value\"", "'auth_value'", "\"auth\\x5fvalue\""])
        let header = pick(["X-Api-Key", "Cookie", "Authorization", "X-Pass", "x-goog-api-key", "\"X-Auth-Token\""])
        let look = "sk-live-\(secret)"
        let (first, rest) = halves()
        return pick([
            "    \(key):\(value(indent: "    "))", "    ? \(key)\n    : \(secret)",
            "    ?   \(key)\n    :\n      \(secret)",
            "    headers:\n      \(header):\(value(indent: "      "))", "    headers: {\(header): \(secret), X-A: b}",
            "    headers: {X-A: b,\n\(header): \"\(secret)\"}", "    headers: {\(header):\n\(secret)}",
            "    headers: { ? \(header) : \(secret) }",
            "    headers:\n      X-Note: \(look)", "    headers: {X-Note: Bearer \(look)}",
            "    headers:\n      X-Note: \"\(look)\\\n  \(first)\"",
            "    proxy: http://user:\(secret)@proxy:8080",
            "    proxy: {type: http, address: \"p:1\", username: u, password: \(secret)}",
            "    proxy:\n      type: socks5\n      address: p:1\n      username: \(pick(["u", "x"]))\n      password:\(value(indent: "      "))",
            "    url_openai: https://h/v1/\(secret)/chat", "    url_openai: https://\(secret)@h/v1",
            "    url_openai: \"https://h/v1?key=\(secret)&x=1\"",
            "    url_openai: 'https://u:\(secret)@h/v1#\(secret)'", "    url_openai:\n      https://h/\(secret)",
            "    # auth_value: \(secret)",
            "    # auth_value: |\n    #   \(secret)", "    # auth_value=\(secret)",
            "    api_token:\(value(indent: "    "))",
            "    \(key): *planted", "    headers: {\(header): *planted}", "    \(key): [*planted]",
            "    x-list:\n      - name: \(header)\n        value: \(secret)",
            "    \(key): \"\(first)\\\n\\\n\(rest)\"",
        ])
    }

    mutating func text() -> String {
        let entry = entry()
        let isReferred = entry.contains("*planted")
        var text = pick(["", "# by hand\n", "\u{FEFF}"])
        if isReferred {
            text += pick([
                "x-keys:\n  - &planted \(secret)\n", "x-key: &planted \"\(secret)\"\n",
                "x-key: &planted\n  \(secret)\n",
                "x: {y: &planted \(secret)}\n", "x: &planted |-\n  \(secret)\n", "x: [&planted '\(secret)']\n",
            ])
        }
        if Int.random(in: 0..<5, using: &random) == 0 {
            text += "server:\n  client_tokens:\n  - \(secret)\n  admin_token:\(value(indent: "  "))\n".replacing(
                "&k", with: "&adm")
        }
        text += "endpoints:\n  - name: one\n    url: http://h\n\(entry)\n  - name: two\n    url: http://h2\n"
        return Int.random(in: 0..<6, using: &random) == 0 ? text.replacing("\n", with: "\r\n") : text
    }

    /// The file itself, cut off, and with a line in it that breaks it before or behind the secret.
    mutating func versions(of text: String) -> [String] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let cut = Int.random(in: 0...text.count, using: &random)
        let place = Int.random(in: 0...lines.count, using: &random)
        let broken =
            lines[..<place] + [Substring(pick(["endpoints: [", "\tx", "}", "a: b: c", "- \"", "key: 'x"]))]
            + lines[place...]
        return [
            text, text + "\nbroken: [\n", "a: b: c\n" + text, String(text.prefix(cut)), broken.joined(separator: "\n"),
        ]
    }
}
