/// Lays out values for insertion.
struct ValueWriter {
    /// The file's own line break.
    var lineBreak: String
    /// Columns by which the file indents a level.
    var indentStep: Int

    /// Spaces between `{` and the first key; operators write `{ a: b }` far more often than `{a: b}`.
    static func inline(
        _ value: YAMLValue, in context: ScalarWriter.Context, replacing style: YAMLNode.Style? = nil
    ) -> String {
        switch value {
        case .sequence(let items):
            return "[" + items.map { inline($0, in: .flow) }.joined(separator: ", ") + "]"
        case .mapping(let pairs):
            guard !pairs.isEmpty else { return "{}" }
            return "{ " + pairs.map { inlinePair($0.key, $0.value) }.joined(separator: ", ") + " }"
        default:
            return ScalarWriter.text(value, in: context, replacing: style)
        }
    }

    static func inlinePair(_ key: String, _ value: YAMLValue) -> String {
        ScalarWriter.string(key, in: .flow) + ": " + inline(value, in: .flow)
    }

    /// Whether the value goes on one line also where there is room for more.
    ///
    /// - Parameter indent: columns before the value's key. A mapping at the top level is a section, which has its own lines.
    static func fitsInline(_ value: YAMLValue, indent: Int) -> Bool {
        if case .mapping(let pairs) = value, !pairs.isEmpty, indent == 0 { return false }
        let isFlat =
            switch value {
            case .sequence(let items): items.allSatisfy(\.isScalar)
            case .mapping(let pairs): pairs.allSatisfy(\.value.isScalar)
            default: true
            }
        return value.isScalar || (isFlat && inline(value, in: .block).utf8.count <= 80)
    }

    /// `key: value`, further lines indented by `indent` or more; neither begins with an indent nor ends with a line break.
    func pair(_ key: String, _ value: YAMLValue, indent: Int) -> String {
        let head = ScalarWriter.string(key, in: .block) + ":"
        if Self.fitsInline(value, indent: indent) { return head + " " + Self.inline(value, in: .block) }
        return head + lineBreak + children(of: value, indent: indent + indentStep)
    }

    /// The lines of a collection, each with its indent, without the last line break.
    func children(of value: YAMLValue, indent: Int) -> String {
        let spaces = String(repeating: " ", count: indent)
        let lines: [String] =
            switch value {
            case .sequence(let items): items.map { entry($0, indent: indent, keyOffset: 2) }
            case .mapping(let pairs): pairs.map { pair($0.key, $0.value, indent: indent) }
            default: [Self.inline(value, in: .block)]
            }
        return lines.map { spaces + $0 }.joined(separator: lineBreak)
    }

    /// `- value`, a mapping one key a line.
    /// - Parameter keyOffset: columns from the dash to the keys.
    func entry(_ value: YAMLValue, indent: Int, keyOffset: Int) -> String {
        let dash = "-" + String(repeating: " ", count: max(1, keyOffset - 1))
        switch value {
        case .mapping(let pairs) where !pairs.isEmpty:
            let column = indent + dash.utf8.count
            let separator = lineBreak + String(repeating: " ", count: column)
            return dash + pairs.map { pair($0.key, $0.value, indent: column) }.joined(separator: separator)
        default:
            return dash + Self.inline(value, in: .block)
        }
    }
}
