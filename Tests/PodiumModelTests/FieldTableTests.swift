import Foundation
import PodiumModel
import Testing

/// The pages that list the fields of an endpoint say what the table says.
struct FieldTableTests {
    private typealias Object = [String: Any]

    private static func page(_ name: String) throws -> String {
        let docs = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs")
        return try String(contentsOf: docs.appending(path: name), encoding: .utf8)
    }

    // MARK: docs/configuration.md

    /// The keys of the first column, each with the cell of its default.
    private static func rows() throws -> [(keys: [String], initial: String)] {
        let section = try #require(try page("configuration.md").components(separatedBy: "## `endpoints`").last)
        let table = section.split(separator: "\n").drop { !$0.hasPrefix("|---") }.dropFirst().prefix {
            $0.hasPrefix("|")
        }
        return table.map { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            let keys = cells[0].components(separatedBy: ", ").map { $0.trimmingCharacters(in: ["`"]) }
            return (keys, cells[1])
        }
    }

    @Test func theConfigurationPageHasARowForEachField() throws {
        #expect(try Set(Self.rows().flatMap(\.keys)) == Set(EndpointField.all.map(\.key)))
    }

    @Test func theConfigurationPageHasTheDefaults() throws {
        for (keys, initial) in try Self.rows() {
            for field in keys.compactMap(EndpointField.named) where field != .name {
                // Where there is none, the page says in words what holds then.
                guard field.defaultValue != .absent else {
                    #expect(!initial.hasPrefix("`"), "\(field)")
                    continue
                }
                let written: Set<String> =
                    switch (field.kind, field.defaultValue) {
                    case (.flag(let on, let off), .boolean(let flag)): ["`\(flag)`", "`\(flag ? on : off)`"]
                    case (.headers, _), (.renamings, _): ["`{}`"]
                    case (.words, _): ["`[]`"]
                    default: ["`\(field.text(of: field.defaultValue))`"]
                    }
                #expect(written.contains(initial), "\(field): \(initial)")
            }
        }
    }

    // MARK: docs/openapi.json

    private static func schemas() throws -> [String: Object] {
        let description = try JSONSerialization.jsonObject(with: Data(page("openapi.json").utf8)) as? Object
        return try #require((description?["components"] as? Object)?["schemas"] as? [String: Object])
    }

    @Test(arguments: [
        ("Endpoint", \EndpointField.snapshotKey), ("EndpointDocument", \.documentKey),
        ("EndpointChange", \.documentKey),
    ])
    func theDescriptionHasTheTypeOfEachField(
        schema name: String, key: any KeyPath<EndpointField, String> & Sendable
    ) throws {
        let schemas = try Self.schemas()
        let properties = try #require(schemas[name]?["properties"] as? [String: Object])
        for field in EndpointField.current {
            var property = try #require(properties[field[keyPath: key]], "\(name) lacks \(field)")
            if let reference = property["$ref"] as? String {
                property = try #require(schemas[String(reference.split(separator: "/").last ?? "")])
            }
            // A document takes a field away with null; an answer leaves it out.
            let types = (property["type"] as? [String] ?? [property["type"] as? String].compactMap(\.self)).sorted()
            let isNullable = field.isOptional && name != "Endpoint"
            #expect(types == ([Self.type(of: field)] + (isNullable ? ["null"] : [])).sorted(), "\(name).\(field)")
            if case .choice(let words) = field.kind { #expect(property["enum"] as? [String] == words, "\(field)") }
        }
    }

    /// What is always there in an answer is what an endpoint cannot be without.
    @Test func theDescriptionSaysWhichFieldsAreAlwaysThere() throws {
        let required = Set(try #require(try Self.schemas()["Endpoint"]?["required"] as? [String]))
        for field in EndpointField.current {
            #expect(required.contains(field.snapshotKey) == (field.defaultValue != .absent), "\(field)")
        }
    }

    private static func type(of field: EndpointField) -> String {
        switch field.kind {
        case .name, .text, .file, .url, .secret, .choice, .proxy: "string"
        case .flag: "boolean"
        case .rank, .integer: "integer"
        case .words, .renamings, .headers: "array"
        }
    }
}
