import Foundation
import PodiumModel
import Testing

/// A field of an endpoint costs few files: its row in the table, its property, and what the field does.
///
/// This test counts the files of `Sources` that name each field, by its key or by its member. It is no measure of beauty: it is to
/// fail when a list of fields is written by hand somewhere, instead of derived from ``EndpointField``.
struct FieldCostTests {
    /// What the table, the property and one or two places of use come to.
    private static let most = 6

    /// Fields that decide where a request goes or how an endpoint is found, and so are used in more places than most: as many as there
    /// were when this was written. A list of fields would raise each of these numbers. Clients have `limits` and `enabled` too, and so
    /// has what is kept of the history.
    private static let wider = ["priority": 9, "pinned": 9, "limits": 9, "enabled": 10]

    @Test(arguments: EndpointField.all)
    func aFieldIsNamedInFewFiles(field: EndpointField) throws {
        // How every command, line of the log and row of the screen call an endpoint.
        guard field != .name else { return }
        let member = try #require(Self.members[field.key])
        let files = try Self.sources.filter { file in
            // What knows nothing of the model has words of its own.
            try file.knowsModel && (file.text.contains(member) || file.text.contains(field.key))
                && Self.names(field, member, in: file.text)
        }.map(\.name)
        #expect(files.count <= Self.wider[field.key] ?? Self.most, "\(field): \(files.joined(separator: ", "))")
    }

    /// Without this, a mistake in the patterns would let everything pass.
    @Test func theCountFindsWhatItLooksFor() throws {
        for text in ["settings.caFile", "case .caFile: nil", #"reader.node("ca_file")"#, "EndpointField.caFile"] {
            #expect(try Self.names(.caFile, "caFile", in: text), "\(text)")
        }
        for text in ["settings.proxy", "patch[.proxy]", "EndpointField.proxy", "if field == .proxy"] {
            #expect(try Self.names(.proxy, "proxy", in: text), "\(text)")
        }
        #expect(try !Self.names(.proxy, "proxy", in: "connection.proxy // settings.proxy"))
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources")

    private static func withoutComments(_ text: String) -> String {
        let lines = text.split(separator: "\n").map { (line: Substring) -> Substring in
            line.firstRange(of: "//").map { line[..<$0.lowerBound] } ?? line
        }
        return lines.joined(separator: "\n")
    }

    private static let sources: [(name: String, text: String, knowsModel: Bool)] = {
        let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
        return (files?.allObjects as? [URL] ?? []).filter { $0.pathExtension == "swift" }.compactMap { file in
            guard let text = try? String(contentsOf: file, encoding: .utf8) else { return nil }
            let knowsModel = text.contains("import PodiumModel") || file.path.contains("/PodiumModel/")
            return (file.lastPathComponent, withoutComments(text), knowsModel)
        }
    }()

    /// How the table calls each field, by its key.
    private static let members: [String: String] = {
        guard let table = sources.first(where: { $0.name == "EndpointField.swift" })?.text else { return [:] }
        let rows = table.matches(of: #/public static let (\w+) = \w+\(\s*"(\w+)"/#)
        return Dictionary(
            rows.map { (String($0.output.2), String($0.output.1)) }, uniquingKeysWith: { first, _ in first })
    }()

    /// Whether the code, comments left out, names the field. Keys such as `url` are words of many other things: of those only what
    /// is a member of an endpoint or its settings counts, or names a field.
    private static func names(_ field: EndpointField, _ member: String, in text: String) throws -> Bool {
        var patterns = [
            #"\b(settings|endpoint|ready|expanded|original|edited|before|after|old|new|present|\$0)\.MEMBER\b"#,
            #"EndpointField\.MEMBER\b"#, #"\[\.MEMBER\]"#, #"[fF]ield [!=]= \.MEMBER\b"#, #"field: \.MEMBER\b"#,
            #"(of: |set\(|text\(|trimmed\()\.MEMBER\b"#,
        ]
        if field.key.contains("_") { patterns += [#""KEY""#, #"\.MEMBER\b"#] }
        let pattern = patterns.joined(separator: "|").replacing("MEMBER", with: member).replacing(
            "KEY", with: field.key)
        return try Self.withoutComments(text).contains(Regex(pattern))
    }
}
